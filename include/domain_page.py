"""docs/domain.md and docs/domain.schema.json: every key of a domain file, written from the code.

``make contracts`` rewrites both. An editor that reads the schema completes a domain file and underlines what
is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from include.config.domain import LIST_FIGURES
from include.config.domain_file import DomainFile
from include.config.section import EXPECTS, expectation, schema_of
from include.installation import REPO
from include.recommender.model_config import model_section

PAGE = REPO / "docs" / "domain.md"
SCHEMA = REPO / "docs" / "domain.schema.json"
BEGIN = "<!-- written by `make contracts` from include/config/domain_file.py and what it refers to -->"

# Defaults that the code keeps in another form than a file has them.
_DEFAULTS = {"search": "auto", "consumed": "exclude", "earliest": "1990-01-01", "reach": "auto"}

Schema = Mapping[str, Any]


def domain_schema() -> dict[str, Any]:
    """JSON Schema of a whole domain file, the recommender's sections in their places."""
    whole, model = schema_of(DomainFile), schema_of(model_section())
    properties = whole["properties"] | model["properties"]
    limits = {"propertyNames": {"enum": list(LIST_FIGURES)}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "title": "A domain file of Nightjar",
        "properties": properties | {"limits": properties["limits"] | limits},
        "$defs": whole["$defs"] | model["$defs"],
    }


def written_schema() -> str:
    """The schema as editors read it, without what is only for our own page."""
    schema = _plain(domain_schema())
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def written_anew(page: str) -> str:
    """The page with everything after the marker as the code has it."""
    head, marker, _ = page.partition(BEGIN)
    return f"{head}{marker}\n\n{render_keys()}"


def render_keys() -> str:
    """Markdown of every key: what is allowed, the default, and what it means."""
    schema = domain_schema()
    fields = schema["properties"]
    sections = {name: list(_sections(field, schema, name)) for name, field in fields.items()}
    parts = [_table("At the top", {name: fields[name] for name in fields if not sections[name]}, schema)]
    shown: list[Schema] = []
    for path, section in (found for below in sections.values() for found in below):
        if section not in shown:  # sources.items and sources.users have the keys of sources.events
            parts.append(_table(f"`{path}`", section["properties"], schema, section.get("description", "")))
        shown.append(section)
    return "\n".join(parts)


def _sections(field: Schema, root: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """The section behind a field, and those within it, with the keys that lead to each."""
    below = {"": field, ".<name>": field.get("additionalProperties"), "[]": field.get("items")}
    for step, inner in below.items():
        target = _target(inner, root) if isinstance(inner, Mapping) else None
        if target is not None:
            yield path + step, target
            for name, its_field in target["properties"].items():
                yield from _sections(its_field, root, f"{path}{step}.{name}")


def _target(field: Schema, root: Schema) -> Schema | None:
    name = field.get("$ref", "").rsplit("/", 1)[-1]
    return root["$defs"].get(name)


def _table(title: str, fields: Mapping[str, Schema], root: Schema, says: str = "") -> str:
    lines = [f"## {title}", "", *([says, ""] if says else []), "| key | what | default | meaning |"]
    lines.append("|---|---|---|---|")
    for name, field in fields.items():
        meaning = " ".join(str(field.get("description", "")).split())
        lines.append(f"| `{name}` | {_what(field, root)} | {_default(name, field)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _what(field: Schema, root: Schema) -> str:
    return expectation(field, root).replace("|", "\\|")


def _default(name: str, field: Schema) -> str:
    """As a file would say it; nothing where the meaning tells what no value is."""
    if name in _DEFAULTS:
        return f"`{_DEFAULTS[name]}`"
    value = field.get("default")
    if value in (None, []):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _plain(inner) for key, inner in value.items() if key not in (EXPECTS, "title")}
        return kept | ({"title": value["title"]} if "$schema" in value else {})
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
