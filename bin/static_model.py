"""Distil the domain's text model into a static one, a hundred times as fast: make static-model TO=folder"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from include.config.domain import load_domain
from include.errors import NightjarError
from include.settings import load_settings
from include.texts.static_model import DIMENSIONS, distil


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin.static_model", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, default=os.environ.get("TO") or None)
    parser.add_argument("--dimensions", type=int, default=DIMENSIONS)
    asked = parser.parse_args(arguments)
    if asked.to is None:
        print("no folder to write to; expected TO=folder", file=sys.stderr)
        return 2
    folder = Path(asked.to).expanduser().absolute()
    try:
        name = load_domain(load_settings().config).text_model
        print(f"reading each token of {name}: about a minute", flush=True)
        tokens = distil(name, folder, asked.dimensions)
    except NightjarError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{tokens:,} tokens; in the domain file: text_model: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
