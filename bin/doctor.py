"""Check set-up, home, lake, model, age and disk: python -m bin.doctor

A line each: ok, warn or FAIL, what was found, and the mend. Exit status: 1 where something fails, else 0.
"""

from __future__ import annotations

import os
import sys

from include.errors import NightjarError
from include.operations.doctor import FAIL, OK, examine
from include.settings import load_settings, utc_now


def main() -> int:
    try:
        settings = load_settings()
    except NightjarError as error:
        print(f"{FAIL:5} {'settings':20} {error}")
        return 1
    failed = False
    for finding in examine(settings, os.environ, utc_now()):
        failed = failed or finding.status == FAIL
        print(f"{finding.status:5} {finding.what:20} {finding.found}", flush=True)
        if finding.status != OK:
            print(f"      {'':20} -> {finding.mend}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
