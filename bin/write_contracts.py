"""Write what docs tell of the lake and of a domain file, and dbt's descriptions, from the code.

python -m bin.write_contracts            write
python -m bin.write_contracts --check    exit status 1, naming each file that differs
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from include import contracts_dbt, contracts_page, domain_page
from include.installation import REPO


def written() -> dict[Path, str]:
    """File -> what it should hold."""
    page = contracts_page.PAGE
    texts = {path: contracts_dbt.written_anew(path) for path in sorted(contracts_dbt.STAGING.glob("*.yml"))}
    keys = domain_page.PAGE
    return texts | {
        page: contracts_page.written_anew(page.read_text(encoding="utf-8")),
        keys: domain_page.written_anew(keys.read_text(encoding="utf-8")),
        domain_page.SCHEMA: domain_page.written_schema(),
    }


def held(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    is_check = parser.parse_args(arguments).check
    differing = {path: text for path, text in written().items() if held(path) != text}
    for path, text in differing.items():
        if is_check:
            print(f"{path.relative_to(REPO)} differs from the code: run `make contracts`")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(REPO)}")
    return int(is_check and bool(differing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
