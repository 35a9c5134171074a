"""API keys of this home: python -m bin.api_key --role read --name my-app | --revoke my-app | (lists them)

The new key is the last line that is printed; it is nowhere else.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from include.api.keys import ROLES, KeyFile
from include.errors import NightjarError
from include.settings import load_settings, utc_now


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin.api_key", description=(__doc__ or "").splitlines()[0])
    environ = os.environ.get
    parser.add_argument("--role", default=environ("ROLE", ""), help="one of " + ", ".join(ROLES))
    parser.add_argument("--name", default=environ("NAME", ""), help="whose it is; replaces one")
    parser.add_argument("--revoke", default=environ("REVOKE", ""), metavar="NAME")
    asked = parser.parse_args(arguments)
    try:
        settings = load_settings()
        settings.make_folders()
        keys = KeyFile(settings.home)
        if not (asked.role or asked.name or asked.revoke):
            for kept in keys.all():
                print(f"{kept.name:30} {kept.role:9} made {kept.made_at}")
            print("ROLE=read|write|operator NAME=my-app makes one")
        elif asked.revoke:
            keys.revoke(asked.revoke)
            print(f"key '{asked.revoke}' is revoked")
        else:
            key = keys.make(asked.name, asked.role, utc_now())
            print(f"key '{asked.name}' may {asked.role}; it is shown this once:")
            print(key)
    except NightjarError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
