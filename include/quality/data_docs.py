"""Great Expectations' Data Docs, made to be read offline.

GX's pages take their style and scripts from a CDN, and its index is nothing but script. Here the references
go, one small style sheet comes in, and the index is a plain table of the checks that links to the pages.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.pages import render
from include.quality.gate_report import Finding

SITE = "reports"
_TONES = {"held": "text-success", "refused": "text-danger", "warned": "text-warning"}
_REMOTE = re.compile(
    r"<(script|style|footer|form)\b.*?</\1>|<(link|img|base)\b[^>]*>|<!--.*?-->|\s(style|on\w+)=\"[^\"]*\"",
    re.DOTALL | re.IGNORECASE,
)
TEMPLATES = Path(__file__).with_name("templates")


def add_site(context: Any, folder: Path) -> None:
    """Let the context write its pages to ``folder``, in place of what the last run left there."""
    shutil.rmtree(folder, ignore_errors=True)
    context.add_data_docs_site(
        SITE,
        {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        },
    )


def finish_site(context: Any, folder: Path, suite: str, findings: Sequence[Finding]) -> None:
    """Write the pages, cut every reference to another host, and put our index in place of GX's."""
    context.build_data_docs(site_names=[SITE])
    shutil.rmtree(folder / "static", ignore_errors=True)
    for page in folder.rglob("*.html"):
        page.write_text(cut_remote(page.read_text(encoding="utf-8")), encoding="utf-8")
    pages = {page.stem.removeprefix("lake-"): page for page in (folder / "validations").rglob("*.html")}
    links = {relation: page.relative_to(folder).as_posix() for relation, page in pages.items()}
    (folder / "index.html").write_text(index_page(suite, findings, links), encoding="utf-8")


def cut_remote(html: str) -> str:
    """The page without scripts, forms, pictures and styles, but our own."""
    style = render(TEMPLATES / "style.html.j2")
    return _REMOTE.sub("", html).replace("</head>", f"{style}</head>", 1)


def index_page(suite: str, findings: Sequence[Finding], links: dict[str, str]) -> str:
    """A table of the checks, failed ones first.  links: relation -> its page."""
    rows = [
        {
            "verdict": _verdict(finding),
            "tone": _TONES[_verdict(finding)],
            "link": links.get(finding.check.relation, ""),
            "check": finding.check.name,
            "found": finding.observed,
            "allowed": finding.check.rule.limit,
        }
        for finding in sorted(findings, key=lambda finding: finding.is_success)
    ]
    return render(TEMPLATES / "gate.html.j2", suite=suite, rows=rows)


def _verdict(finding: Finding) -> str:
    if finding.is_success:
        return "held"
    return "refused" if finding.check.severity == "critical" else "warned"
