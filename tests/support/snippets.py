"""Python that a page shows, run as written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from include.installation import REPO


def run_snippet(page: str, environ: Mapping[str, str], folder: Path) -> None:
    """Run the indented block of the page that begins with load_domain's import; it must end with status 0."""
    text = (REPO / page).read_text(encoding="utf-8")
    start = text.index("    from include.config.domain import load_domain")
    lines = []
    for line in text[start:].splitlines():
        if line and not line.startswith("    "):
            break
        lines.append(line[4:])
    snippet = folder / "snippet.py"
    snippet.write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, str(snippet)],
        cwd=REPO,
        env={**os.environ, **environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
