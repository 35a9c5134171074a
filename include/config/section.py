"""Sections of the domain file as checked, frozen values, and errors that name key, value and expectation.

A section is a pydantic dataclass: a field's type says what is allowed, the text below it what it means, in
which unit and why its default is what it is. docs/domain.md and docs/domain.schema.json are written from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, cast, dataclass_transform

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import ErrorDetails, PydanticCustomError

from include.errors import ConfigError

T = TypeVar("T")
Schema = Mapping[str, Any]
# In a field's JSON schema: what is expected, where its types do not say it.
EXPECTS = "x-expects"


def _inherit_texts(schema: dict[str, Any], cls: type[Any]) -> None:
    """Pydantic reads the texts of a class's own fields only: those of inherited ones are the base's."""
    for name, field in schema.get("properties", {}).items():
        texts = [getattr(base, "__pydantic_fields__", {}).get(name) for base in cls.__mro__]
        described = [text.description for text in texts if text is not None and text.description]
        if described:
            field.setdefault("description", described[0])


_CONFIG = ConfigDict(
    extra="forbid",
    use_attribute_docstrings=True,
    validate_by_name=True,
    json_schema_extra=_inherit_texts,
)


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def values(cls: type[T]) -> type[T]:
    """A frozen dataclass whose fields are checked, its keys those of the file."""
    return cast(type[T], pydantic_dataclass(frozen=True, config=_CONFIG)(cls))


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def section(cls: type[T]) -> type[T]:
    """The same; one that the file names without any key stands for its defaults."""
    cls._nothing_is_defaults = model_validator(mode="before")(_nothing_is_empty)  # type: ignore[attr-defined]
    return values(cls)


def _nothing_is_empty(data: object) -> object:
    return {} if data is None else data


def unlike(expected: str) -> PydanticCustomError:
    """What a validator raises to say what it expected of the value it was given."""
    return PydanticCustomError("unlike", "{expected}", {"expected": expected})


def expects(expected: str, **schema: Any) -> Any:
    """A field's expectation in words.

    schema: keys of its JSON schema, where a validator takes more than the type says.
    """
    return Field(json_schema_extra={EXPECTS: expected, **schema})


def _text(value: object) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool) or not str(value).strip():
        raise unlike("a text")
    return str(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str | int) for entry in value):
        raise unlike("a list of texts")
    return tuple(str(entry) for entry in value)


Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts), expects("a list of texts")]
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
AtLeastOne = Annotated[Whole, Field(ge=1)]
NotNegative = Annotated[Number, Field(ge=0)]
HalfLife = Annotated[Number, Field(gt=0), expects("a number above 0, or null for no decay")] | None
Share = Annotated[Number, Field(ge=0, le=1)]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def schema_of(kind: type[Any]) -> dict[str, Any]:
    """JSON Schema of a section, by the names that a file uses."""
    return _adapter(cast(Any, kind)).json_schema()


def read_section(kind: type[T], data: object, where: str = "") -> T:
    """A section from YAML's values.  where: the file's name.

    Raises ConfigError of the first thing that is wrong; a key that there is not goes first, since it is often
    why another one is missing.
    """
    try:
        return cast(T, _adapter(cast(Any, kind)).validate_python(_named(data)))
    except ValidationError as error:
        details = sorted(error.errors(include_url=False), key=lambda one: not _is_unknown(one))
        raise _config_error(schema_of(kind), details[0], where) from None


def _named(data: object) -> object:
    """The same with texts as keys: YAML reads a bare 5 as a number, but a key is a name all the same."""
    if isinstance(data, Mapping):
        return {str(key): _named(value) for key, value in data.items()}
    return [_named(value) for value in data] if isinstance(data, list) else data


def _is_unknown(error: ErrorDetails) -> bool:
    return error["type"] == "unexpected_keyword_argument"


def _config_error(schema: Schema, error: ErrorDetails, where: str) -> ConfigError:
    steps = list(error["loc"])
    key = _dotted(steps) or "(top level)"
    value = None if error["type"] == "missing" else error["input"]
    if _is_unknown(error):
        known = list(_resolve(schema, steps[:-1]).get("properties", {}))
        near = difflib.get_close_matches(str(steps[-1]), known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        expected = f"no such key (known: {', '.join(sorted(known)) or 'nothing here'}){hint}"
    elif error["type"] == "unlike":
        expected = error["ctx"]["expected"]
    else:
        expected = expectation(_resolve(schema, steps), schema)
    return ConfigError(key, value, expected, where)


def _dotted(steps: list[str | int]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def _resolve(schema: Schema, steps: list[str | int]) -> Schema:
    """The schema of what lies at ``steps`` below a section's."""
    found = _dereferenced(schema, schema)
    for step in steps:
        below = found.get("items") if isinstance(step, int) else found.get("properties", {}).get(step)
        if below is None:
            below = found.get("additionalProperties", {})
        # What stands beside a reference (a description, an expectation) goes before what it points to.
        found = {**_dereferenced(below, schema), **below}
    return found


def _dereferenced(schema: Schema, root: Schema) -> Schema:
    """The schema behind "or null" and behind a reference; what is expected in words stays."""
    own = {EXPECTS: schema[EXPECTS]} if EXPECTS in schema else {}
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            schema = {**option, **own}
            break
    if "$ref" in schema:
        schema = {**root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], **own}
    return schema


def expectation(schema: Schema, root: Schema) -> str:
    """In words what a value must be, from its JSON schema."""
    schema = _dereferenced(schema, root)
    if EXPECTS in schema:
        return str(schema[EXPECTS])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    match schema.get("type"):
        case "number":
            return "a number" + _bounds(schema)
        case "integer":
            return "a whole number" + _bounds(schema)
        case "string":
            return "a text"
        case "boolean":
            return "true or false"
        case "array":
            return "a list"
        case _:
            return "a mapping of keys"


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    return "" if high is None else f" of at most {high:g}"
