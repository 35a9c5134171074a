"""Erase or export a person in the foreground: python -m bin.person erase|export   (make's USER_ID= and CONF=)

The user id goes to the run by a file below NIGHTJAR_HOME/tmp, which is removed, so that neither the command
line nor Airflow's records hold it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from include.errors import NightjarError
from include.installation import REPO
from include.operations.person_request import drop_request, make_request
from include.settings import load_settings

DAGS = {"erase": "erase_user", "export": "export_user"}


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in DAGS:
        print(__doc__, file=sys.stderr)
        return 2
    environ = dict(os.environ)
    user_id, conf = environ.pop("USER_ID", ""), environ.pop("CONF", "") or "{}"
    try:
        settings = load_settings()
        settings.make_folders()
        token = make_request(settings, user_id)
    except NightjarError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        given = json.loads(conf)
        command = [sys.executable, "-m", "bin.run_dag", DAGS[arguments[0]]]
        command += ["--conf", json.dumps(given | {"request": token})]
        return subprocess.run(command, env=environ, cwd=REPO, check=False).returncode
    except (ValueError, TypeError):
        print(f"CONF is no JSON object: {conf!r}", file=sys.stderr)
        return 2
    finally:
        drop_request(settings, token)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
