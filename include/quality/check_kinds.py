"""What a check may demand of a relation.

Each rule has one meaning and two runners: ``figure_sql`` measures it in plain SQL, and expectations.py hands
it to Great Expectations. In a rule's own SQL ``{batch}`` stands for the relation that is checked; the other
relations of a gate go by their name with ``gate_`` before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.lake.catalog import quote

_ROWS_WHERE = "select * from {batch} where "


@dataclass(frozen=True)
class RowCount:
    """At least so many rows: most other rules hold on an empty relation."""

    at_least: int

    def figure_sql(self, batch: str) -> str:
        return f"select count(*) from {batch}"

    def holds(self, figure: float) -> bool:
        return figure >= self.at_least

    @property
    def limit(self) -> str:
        return f"at least {self.at_least} rows"


@dataclass(frozen=True)
class NoRows:
    """No row that ``sql`` finds."""

    sql: str

    def figure_sql(self, batch: str) -> str:
        return f"select count(*) from ({self.sql.format(batch=batch)})"

    def holds(self, figure: float) -> bool:
        return figure == 0

    @property
    def limit(self) -> str:
        return "0 rows"


@dataclass(frozen=True)
class NotNull:
    """No row without a value in the column."""

    column: str

    def figure_sql(self, batch: str) -> str:
        return f"select count(*) from {batch} where {self.column} is null"

    def holds(self, figure: float) -> bool:
        return figure == 0

    @property
    def limit(self) -> str:
        return "0 rows"


@dataclass(frozen=True)
class Unique:
    """No two rows with the same values in the columns; rows with a missing one are not compared."""

    columns: tuple[str, ...]

    def figure_sql(self, batch: str) -> str:
        names = ", ".join(self.columns)
        given = " and ".join(f"{name} is not null" for name in self.columns)
        return (
            f"select coalesce(sum(n), 0) from"
            f" (select count(*) as n from {batch} where {given} group by {names} having count(*) > 1)"
        )

    def holds(self, figure: float) -> bool:
        return figure == 0

    @property
    def limit(self) -> str:
        return "0 rows"


@dataclass(frozen=True)
class Among:
    """Every value of the column is one of ``values``."""

    column: str
    values: tuple[str, ...]

    def figure_sql(self, batch: str) -> str:
        listed = ", ".join(quote(value) for value in self.values)
        return f"select count(*) from {batch} where {self.column} not in ({listed})"

    def holds(self, figure: float) -> bool:
        return figure == 0

    @property
    def limit(self) -> str:
        return "0 rows"


@dataclass(frozen=True)
class Figure:
    """The one number that ``sql`` gives lies within the bounds.  column: its name among a gate's figures."""

    column: str
    sql: str
    at_least: float | None = None
    at_most: float | None = None

    def figure_sql(self, batch: str) -> str:
        return f"select {self.column} from {batch}"

    def holds(self, figure: float) -> bool:
        low = self.at_least is None or figure >= self.at_least
        high = self.at_most is None or figure <= self.at_most
        return low and high

    @property
    def limit(self) -> str:
        bounds = []
        if self.at_least is not None:
            bounds.append(f"at least {self.at_least:g}")
        if self.at_most is not None:
            bounds.append(f"at most {self.at_most:g}")
        return " and ".join(bounds)


def row_condition(rule: Rule) -> str | None:
    """What the rows that ``rule`` counts fulfil, alone; None where it compares rows."""
    match rule:
        case RowCount():
            return "true"
        case NotNull(column):
            return f"{column} is null"
        case Among(column, values):
            return f"{column} not in ({', '.join(quote(value) for value in values)})"
        case NoRows(sql) if sql.startswith(_ROWS_WHERE) and "{batch}" not in sql[len(_ROWS_WHERE) :]:
            # The braces that a literal doubled stand for themselves.
            return sql[len(_ROWS_WHERE) :].format()
    return None


Rule = RowCount | NoRows | NotNull | Unique | Among | Figure

# The relation that holds every figure of a gate: one row, a column a figure.
FIGURES = "figures"


@dataclass(frozen=True)
class Check:
    """One expectation of a relation.  severity: critical stops the run, warning is only told."""

    relation: str
    says: str
    rule: Rule
    severity: str = "critical"

    @property
    def name(self) -> str:
        return self.says if self.relation == FIGURES else f"{self.relation}: {self.says}"


def figures_sql(checks: tuple[Check, ...]) -> str:
    """The relation of the figures that ``checks`` bound; one column without meaning where there are none."""
    columns = [f"({c.rule.sql}) as {c.rule.column}" for c in checks if isinstance(c.rule, Figure)]
    return "select " + (", ".join(columns) or "0 as nothing")
