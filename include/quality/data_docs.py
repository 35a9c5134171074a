"""Great Expectations' Data Docs, made to be read offline.

GX's pages take their style and scripts from a CDN, and its index is nothing but script. Here the references
go, one small style sheet comes in, and the index is a plain table of the checks that links to the pages.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from include.quality.gate_report import Finding

SITE = "reports"
_REMOTE = re.compile(
    r"<(script|style|footer|form)\b.*?</\1>|<(link|img|base)\b[^>]*>|<!--.*?-->|\s(style|on\w+)=\"[^\"]*\"",
    re.DOTALL | re.IGNORECASE,
)
# Only the classes that GX's pages lean on: tables, verdicts, and its icons as plain characters.
_STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:1.5rem auto;padding:0 1rem;color:#1c2430}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border:1px solid #d5dbe3;padding:.3rem .6rem;text-align:left;vertical-align:top}
th,.navbar,.breadcrumb,.card-header{background:#eef2f6}
.navbar,.breadcrumb,.card-header{padding:.4rem .8rem;list-style:none}.breadcrumb li{display:inline}
code,pre{background:#f3f5f8;padding:0 .2rem;white-space:pre-wrap}
h1,h2,h3,h4{line-height:1.2;margin:1.2rem 0 .4rem}a{color:#0b5cad}
.text-success{color:#1a7f37}.text-danger{color:#b42318}.text-warning{color:#9a6700}
.fa-check-circle::before{content:"\\2713"}.fa-times::before{content:"\\2717"}
.fa-exclamation-triangle::before{content:"!"}
.badge{background:#d5dbe3;border-radius:.6rem;padding:0 .5rem}
.modal,.btn,.popover,.collapse,button,.cooltip .top{display:none}
</style>"""


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
    return _REMOTE.sub("", html).replace("</head>", f"{_STYLE}</head>", 1)


def index_page(suite: str, findings: Sequence[Finding], links: dict[str, str]) -> str:
    """A table of the checks, failed ones first.  links: relation -> its page."""
    rows = "".join(
        f'<tr><td class="{_verdict_class(finding)}">{_verdict(finding)}</td>'
        f'<td><a href="{escape(links.get(finding.check.relation, ""))}">{escape(finding.check.name)}</a></td>'
        f"<td>{escape(finding.observed)}</td><td>{escape(finding.check.rule.limit)}</td></tr>"
        for finding in sorted(findings, key=lambda finding: finding.is_success)
    )
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{escape(suite)} gate</title>{_STYLE}</head>'
        f"<body><h1>The {escape(suite)} gate</h1>"
        f"<table><tr><th>verdict</th><th>check</th><th>found</th><th>allowed</th></tr>{rows}</table></body></html>"
    )


def _verdict(finding: Finding) -> str:
    if finding.is_success:
        return "held"
    return "refused" if finding.check.severity == "critical" else "warned"


def _verdict_class(finding: Finding) -> str:
    return {"held": "text-success", "refused": "text-danger", "warned": "text-warning"}[_verdict(finding)]
