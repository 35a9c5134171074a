"""HTML pages from templates that lie beside the code that fills them.

What is filled in is escaped, whoever wrote it; a name that a template uses and nobody gives is an error.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(template: Path, **values: object) -> str:
    """The page that ``template`` makes of ``values``."""
    return _environment(template.parent).get_template(template.name).render(values)


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["figure"] = _is_figure
    return environment


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
