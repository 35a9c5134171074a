"""Land made-up events to try a size: `make synth EVENTS=1000000 USERS=6000 ITEMS=4000 DAYS=200`.

Writes NIGHTJAR_HOME/synthetic.yaml, their domain file, as well. The same sizes give the same rows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict

from bin.env import nightjar_home
from include.demo.made_up import DOMAIN, Size, land_made_up
from include.whole_files import write_whole


def read_size(environ: Mapping[str, str]) -> Size:
    """Raises ValueError on what is no whole number above 0."""
    given = {}
    for name, default in asdict(Size()).items():
        text = environ.get(name.upper()) or str(default)
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"{name.upper()}={text}: expected a whole number above 0, as {default}")
        given[name] = int(text)
    return Size(**given)


def main(environ: Mapping[str, str]) -> int:
    try:
        size = read_size(environ)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    home = nightjar_home(environ)
    config = home / "synthetic.yaml"
    write_whole(config, DOMAIN)
    for events in land_made_up(home / "landing", size):
        print(f"{events:,} of {size.events:,} events landed", flush=True)
    print(f"next: NIGHTJAR_CONFIG={config} make nightly")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
