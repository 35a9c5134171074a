"""Reading a group of prepared files as one relation.

Each reader is a SELECT with the columns nj_file (the file's number), nj_row (number in the group, in file
order), nj_line (a JSON line, else null), nj_is_object and the file's own columns as text.
"""

from __future__ import annotations

from collections.abc import Sequence

from include.lake.catalog import NO_PATH_COLUMNS, quote
from include.landing.clean import MAX_LINE_BYTES
from include.landing.files import exact_path
from include.landing.mapping import json_pointer
from include.landing.prepare import OFFSET_DIGITS, PreparedFile

REJECTS = "nj_rejects"
REJECT_SCANS = "nj_reject_scans"
# A character that cannot be in JSON text nor in a clean line: makes DuckDB's CSV reader a line reader.
_NO_DELIMITER = "chr(7)"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def group_key(file: PreparedFile) -> tuple[object, ...]:
    """Files with the same key can be read by one statement."""
    return (file.format, file.columns, file.delimiter if file.format == "csv" else "")


def reader_sql(files: Sequence[PreparedFile], columns: Sequence[str]) -> tuple[str, list[str]]:
    """The SELECT over a group of files, and the names of its columns.

    columns: those the mapping reads. JSON lines give exactly these, null where a key is not there; CSV and
    Parquet give all of the file's, and null for what it lacks.
    """
    paths = "[" + ", ".join(quote(exact_path(file.path)) for file in files) + "]"
    numbers = "[" + ", ".join(str(file.number) for file in files) + "]"
    place = f"{numbers}[file_index::bigint + 1] as nj_file, row_number() over () as nj_row"
    if files[0].format == "jsonl":
        lines = f"select {place}, coalesce(nj_line, '') as nj_line from {line_source(paths)}"
        return _json_sql(lines, columns), list(columns)
    if files[0].format == "offsets":
        lines = (
            f"select {numbers}[file_index::bigint + 1] as nj_file,"
            f" nj_line[1:{OFFSET_DIGITS}]::bigint as nj_row,"
            f" nj_line[{OFFSET_DIGITS + 1}:] as nj_line from {line_source(paths)}"
        )
        return _json_sql(lines, columns), list(columns)
    # As the mapping spells them, so that a row kept as JSON is read by the same mapping again.
    spelled = {name.lower(): name for name in columns}
    own = [spelled.get(name.lower(), name) for name, _ in files[0].columns]
    present = {name.lower() for name in own}
    absent = [name for name in columns if name.lower() not in present]
    nulls = [f"null::varchar as {identifier(name)}" for name in absent]
    if files[0].format == "csv":
        texts = [identifier(name) for name in own]
        source = _csv_source(paths, own, files[0].delimiter)
    else:
        types = [type_ for _, type_ in files[0].columns]
        texts = [_parquet_text(name, type_) for name, type_ in zip(own, types, strict=True)]
        source = f"read_parquet({paths}, {NO_PATH_COLUMNS})"
    select = ", ".join([place, "null::varchar as nj_line", "true as nj_is_object", *texts, *nulls])
    return f"select {select} from {source}", own


def line_source(paths: str) -> str:
    """Lines as they are, null for an empty one."""
    return (
        f"read_csv({paths}, {NO_PATH_COLUMNS}, auto_detect=false, header=false,"
        f" columns={{'nj_line': 'VARCHAR'}}, delim={_NO_DELIMITER}, quote='', escape='', comment='',"
        f" new_line='\\n', {_rejects()})"
    )


def _json_sql(lines: str, columns: Sequence[str]) -> str:
    """nj_is_object: whether the line is a JSON object.  One parse gives all keys, and would raise on what
    is no JSON; another one is only for lines that have none of the keys."""
    pointers = "[" + ", ".join(json_pointer(column) for column in columns) + "]"
    numbered = range(1, len(columns) + 1)
    values = ", ".join(
        f"{_json_text_sql(f'nj_values[{i}]', name)} as {identifier(name)}"
        for i, name in zip(numbered, columns, strict=True)
    )
    any_value = f"coalesce({', '.join(f'nj_values[{i}]' for i in numbered)})"
    return (
        f"select nj_file, nj_row, nj_line, {values}, case when {any_value} is not null then true"
        "  else coalesce(json_type(nj_json) = 'OBJECT', false) end as nj_is_object from ("
        f" select *, json_extract_string(nj_json, {pointers}) as nj_values from ("
        f"  select *, case when json_valid(nj_line) then nj_line end as nj_json from ({lines})))"
    )


def _csv_source(paths: str, columns: Sequence[str], delimiter: str) -> str:
    types = ", ".join(f"{quote(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({paths}, {NO_PATH_COLUMNS}, auto_detect=false, header=true, columns={{{types}}},"
        f" delim={quote(delimiter)}, quote='\"', escape='\"', comment='', new_line='\\n', {_rejects()})"
    )


def _rejects() -> str:
    return (
        f"store_rejects=true, rejects_table='{REJECTS}', rejects_scan='{REJECT_SCANS}', rejects_limit=0,"
        f" max_line_size={MAX_LINE_BYTES}"
    )


def _json_text_sql(text: str, column: str) -> str:
    """A key's text; of a number that is written as a fraction but is whole (1.0, 1e3), the integer's."""
    is_written_so = f"regexp_matches({text}, '^-?[0-9]+([.]0+$|[.]?[0-9]*[eE])')"
    is_number = f"json_type(nj_json, {json_pointer(column)}) = 'DOUBLE'"
    whole = whole_sql(f"try_cast({text} as double)", text)
    return f"case when {is_written_so} and {is_number} then {whole} else {text} end"


def _parquet_text(name: str, type_: str) -> str:
    """A column as text; a whole number is the integer's text, whatever type it is stored as."""
    column = identifier(name)
    if type_.startswith(("STRUCT", "MAP")) or type_.endswith("]"):
        text = f"to_json({column})::varchar"
    elif type_ in ("DOUBLE", "FLOAT"):
        text = whole_sql(f"{column}::double", f"{column}::varchar", single=type_ == "FLOAT")
    elif type_.startswith("DECIMAL"):
        text = f"regexp_replace({column}::varchar, '[.]0+$', '')"
    else:
        text = f"{column}::varchar"
    return f"{text} as {column}"


def whole_sql(number: str, text: str, *, single: bool = False) -> str:
    """The integer's text where a float holds a whole number exactly, else ``text``.

    Beyond that an id cannot be told from its neighbours: its text then shows that it was a float
    (`inexact_id_sql` in fields.py).  single: of 32 bits, whose own text does not show it.
    """
    # From there on a float stands for more whole numbers than one.
    limit = 2**24 if single else 2**53
    inexact = f"{text} || 'e+0'" if single else text
    return (
        f"case when {number} = trunc({number}) and abs({number}) < {limit} then ({number})::bigint::varchar"
        f" when abs({number}) >= {limit} and isfinite({number}) then {inexact} else {text} end"
    )
