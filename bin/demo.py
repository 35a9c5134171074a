"""The demonstration: real data, one nightly run, a live batch, one refresh, some lists."""

from __future__ import annotations

import sys


def main() -> int:
    print("make demo: not built yet", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
