"""The API and its page on this machine: python -m bin.serve [--port 8090]

Listens on 127.0.0.1 until Ctrl-C. Behind a reverse proxy, with TLS: docs/api.md. --host is for containers,
whose ports the host publishes where it says.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import uvicorn

from include.api.app import make_app
from include.config.domain import load_domain
from include.errors import NightjarError
from include.recommender.model_config import model_config
from include.settings import load_settings

HOST = "127.0.0.1"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin.serve", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8090))
    parser.add_argument("--host", default=HOST, help="address to listen on")
    parser.add_argument(
        "--wait", type=float, default=30.0, help="seconds until it serves without its lists in memory"
    )
    asked = parser.parse_args(arguments)
    try:
        settings = load_settings()
        domain = load_domain(settings.config)
        model_config(domain)
        settings.make_folders()
    except NightjarError as error:
        print(error, file=sys.stderr)
        return 2
    app = make_app(settings, domain)
    app.state.service.wait_until_watched(asked.wait if settings.attach_sql.is_file() else 0)
    print(
        f"serving domain '{domain.name}' of {settings.home} on http://{asked.host}:{asked.port}", flush=True
    )
    uvicorn.run(
        app, host=asked.host, port=asked.port, log_level="warning", access_log=False, server_header=False
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
