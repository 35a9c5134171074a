"""Airflow with its UI, until Ctrl-C or SIGTERM: python -m bin.airflow_up [--port N]

Exit status: 0 stopped as asked, 1 a service died or did not start. Nothing is restarted,
nothing stays behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from bin.airflow_server import ServiceError, running_airflow
from bin.env import LOGIN, login, nightjar_home
from bin.foreground_runs import HomeInUseError


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin.airflow_up", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8080), help="0: a free one")
    options = parser.parse_args(arguments)

    stopped = threading.Event()
    interrupted = False

    def stop(signum: int, frame: object) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            stopped.set()
            raise KeyboardInterrupt  # out of whatever wait start-up is in

    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, stop)

    home = nightjar_home(os.environ)
    print("Airflow is starting (10-20 s) …", flush=True)
    try:
        with running_airflow(home, port=options.port) as airflow:
            user, password = login(home / "airflow")
            shown = password if (user, password) == LOGIN else "the password of airflow/passwords.json"
            print(f"Airflow is up: {airflow.url}  login {user} / {shown}", flush=True)
            print("new DAGs are paused: switch on in the UI what is to run by itself", flush=True)
            print(f"logs: {home / 'airflow' / 'logs' / 'services'}  stop: Ctrl-C", flush=True)
            while not stopped.wait(1.0):
                airflow.check()
    except KeyboardInterrupt:
        print("Airflow is stopped", flush=True)
        return 0
    except (ServiceError, HomeInUseError) as error:
        print(f"Airflow: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
