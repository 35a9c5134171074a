"""Which variant of an experiment people see: python -m bin.assign EXPERIMENT USER_ID…"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from include.config.domain import load_domain
from include.errors import NightjarError
from include.experiments.assignment import assign
from include.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin.assign", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("experiment")
    parser.add_argument("user_ids", nargs="+")
    asked = parser.parse_args(arguments)
    try:
        experiments = {found.name: found for found in load_domain(load_settings().config).experiments}
    except NightjarError as error:
        print(error, file=sys.stderr)
        return 1
    if asked.experiment not in experiments:
        known = ", ".join(experiments) or "none"
        print(f"no experiment {asked.experiment!r} in the domain file; there are: {known}", file=sys.stderr)
        return 2
    found = experiments[asked.experiment]
    for user_id in asked.user_ids:
        print(user_id, assign(user_id, found.variants, found.salt or found.name), sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
