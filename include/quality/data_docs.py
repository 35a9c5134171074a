"""Great Expectations' Data Docs, made to be read offline.

GX's pages take their style and scripts from a CDN. Here the references go and one small style sheet comes in.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

SITE = "reports"
_REMOTE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*https?://[^>]*>|<!--.*?-->", re.DOTALL | re.IGNORECASE
)
# Only the classes that GX's pages lean on; no web font, no script.
_STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:1.5rem auto;padding:0 1rem;color:#1c2430}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{border:1px solid #d5dbe3;padding:.3rem .6rem;
text-align:left;vertical-align:top}th{background:#eef2f6}code,pre{background:#f3f5f8;padding:0 .2rem;
white-space:pre-wrap}h1,h2,h3,h4{line-height:1.2;margin:1.2rem 0 .4rem}a{color:#0b5cad}
.text-success{color:#1a7f37}.text-danger{color:#b42318}.navbar,.breadcrumb,.card-header{background:#eef2f6;
padding:.4rem .8rem;list-style:none}.badge{background:#d5dbe3;border-radius:.6rem;padding:0 .5rem}
.modal,.btn,.popover,nav button,.cooltip{display:none}
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


def finish_site(context: Any, folder: Path) -> None:
    """Write the pages and cut every reference to another host."""
    context.build_data_docs(site_names=[SITE])
    shutil.rmtree(folder / "static", ignore_errors=True)
    for page in folder.rglob("*.html"):
        page.write_text(cut_remote(page.read_text(encoding="utf-8")), encoding="utf-8")


def cut_remote(html: str) -> str:
    """The page without scripts, style sheets, fonts and pictures of other hosts, and with our own style."""
    return _REMOTE.sub("", html).replace("</head>", f"{_STYLE}</head>", 1)
