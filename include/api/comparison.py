"""Two publications side by side, read by time travel: whose lists changed, which items moved, who speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from include.lake.catalog import quote
from include.lake.lake import Lake
from include.ranking.first_places import K
from include.serving.look_ups import LookUps, rows_of

# People whose lists are compared: 10 places of 2,000, read twice, take 0.1 s among a million events' lists.
SAMPLE = 2000
SHOWN_ITEMS, SHOWN_PLACES = 15, 20
Row = dict[str, Any]

_LISTS = """with people as (
    -- By hash: the same people whenever the same publications are compared.
    select user_id, count(*) over () as everyone from (
        select user_id from serving.recommendations at (version => {before}) where rank = 1
        union
        select user_id from serving.recommendations at (version => {after}) where rank = 1
    ) order by md5(user_id) limit {sample}
),
lists as (
    select 'before' as publication, user_id, rank, item_id, source, everyone
    from serving.recommendations at (version => {before}) inner join people using (user_id) where rank <= {k}
    union all
    select 'after' as publication, user_id, rank, item_id, source, everyone
    from serving.recommendations at (version => {after}) inner join people using (user_id) where rank <= {k}
)"""
_OVERLAP = """select count(*) as people, max(everyone) as everyone,
    avg(kept / (before + after - kept)) filter (where before > 0 and after > 0) as jaccard,
    avg(kept / before) filter (where before > 0 and after > 0) as kept,
    count(*) filter (where same_place < greatest(before, after)) as changed,
    count(*) filter (where same_place < kept and kept = before and kept = after) as reordered,
    count(*) filter (where before = 0) as came, count(*) filter (where after = 0) as went
from (
    select user_id, any_value(everyone) as everyone, count(before) as before, count(after) as after,
        count(before + after) as kept, count(*) filter (where before = after) as same_place
    from (
        select user_id, item_id, any_value(everyone) as everyone,
            max(rank) filter (where publication = 'before') as before,
            max(rank) filter (where publication = 'after') as after
        from lists group by user_id, item_id
    ) group by user_id
)"""
_MOVERS = """select moved.*, coalesce(items.title, moved.item_id) as title
from (
    select item_id, count(*) filter (where publication = 'before') as before,
        count(*) filter (where publication = 'after') as after, after - before as change
    from lists group by item_id having before <> after
    order by abs(after - before) desc, item_id limit {items}
) as moved left join raw.items as items using (item_id)
order by abs(change) desc, item_id"""
_SOURCES = """select source,
    100.0 * count(*) filter (where publication = 'before')
        / nullif(sum(count(*) filter (where publication = 'before')) over (), 0) as before,
    100.0 * count(*) filter (where publication = 'after')
        / nullif(sum(count(*) filter (where publication = 'after')) over (), 0) as after
from lists group by source order by after desc, before desc, source"""
_JUDGED = """select publications.publication_id, models.model_version, judged.value, judged.low, judged.high,
    judged.users
from serving.publications as publications
inner join ops.model_versions as models using (model_version)
inner join ops.evaluations as judged on judged.run_id = models.run_id
where publications.publication_id in ({one}, {other})
    and judged.subject = 'pipeline' and judged.metric = 'ndcg' and judged.k = 10
order by publications.publication_id"""
_PERSON = """select item_id, coalesce(items.title, item_id) as title,
    before.rank as before, after.rank as after, after.source, after.reason
from (
    select item_id, rank from serving.recommendations at (version => {before})
    where user_id = {user} and rank <= {places}
) as before
full join (
    select item_id, rank, source, reason from serving.recommendations at (version => {after})
    where user_id = {user} and rank <= {places}
) as after using (item_id)
left join raw.items as items using (item_id)
order by after.rank nulls last, before.rank"""


@dataclass(frozen=True)
class Figure:
    """rows: by the names of their columns.  sql: what gives them, as anyone may run it on the lake."""

    sql: str
    rows: list[Row]


@dataclass(frozen=True)
class Comparison:
    """before, after: the two publications, the older first.

    overlap: one row, over the people who are compared; jaccard and kept None where nobody has both lists.
    person: None where nobody was asked for.
    """

    before: Row
    after: Row
    overlap: Figure
    movers: Figure
    sources: Figure
    judged: Figure
    person: Figure | None


@dataclass(frozen=True)
class Choice:
    """one, other: ids as asked for, else the live publication and the one before; "" where there is none.

    problem: why they cannot be compared, "" where they can.  status: of HTTP.
    """

    readable: list[Row]
    one: str
    other: str
    pair: tuple[Row, Row] | None = None
    problem: str = ""
    status: int = 200


def choose(look_ups: LookUps, one: str, other: str) -> Choice:
    readable = look_ups.readable_publications()
    ids = [row["publication_id"] for row in readable]
    one, other = one or (ids[1] if len(ids) > 1 else ""), other or (ids[0] if ids else "")

    def no(problem: str, status: int = 200) -> Choice:
        return Choice(readable, one, other, problem=problem, status=status)

    found = []
    for wanted in (one, other):
        row = next((row for row in readable if row["publication_id"] == wanted), None)
        row = row or (look_ups.publication(wanted) if wanted else None)
        if wanted and row is None:
            return no(f"There is no publication {wanted[:80]!r}.", 404)
        if row is not None and row["snapshot"] is None:
            return no(
                f"The lists of {wanted} can be read no more: maintenance keeps a nightly's for"
                " maintenance.publications_days, and a refresh's for maintenance.snapshots_hours.",
                410,
            )
        if row is not None:
            found.append(row)
    if not found:
        return no("Nothing is published yet: make nightly publishes the first lists.")
    if len(found) < 2:
        return no(
            "Only one publication can be read so far. The next refresh or nightly brings one to compare."
        )
    if one == other:
        return no("These are the same publication: choose another one.")
    return Choice(readable, one, other, (found[0], found[1]))


def compare(look_ups: LookUps, one: Row, other: Row, user: str = "") -> Comparison:
    """one, other: of `LookUps.readable_publications`, in any order."""
    before, after = sorted((one, other), key=lambda row: row["publication_id"])
    return look_ups.work(lambda lake: _compared(lake, before, after, user))


def _compared(lake: Lake, before: Row, after: Row, user: str) -> Comparison:
    versions = {"before": int(before["snapshot"]), "after": int(after["snapshot"])}
    lists = _LISTS.format(**versions, sample=SAMPLE, k=K)
    # Read once; each figure's own SQL begins with the reading of them.
    lake.con.register("lists", lake.con.execute(f"{lists}\nfrom lists").to_arrow_table())
    try:
        overlap, movers, sources = (
            Figure(f"{lists}\n{sql}", rows_of(lake, sql))
            for sql in (_OVERLAP, _MOVERS.format(items=SHOWN_ITEMS), _SOURCES)
        )
    finally:
        lake.con.unregister("lists")
    judged = _JUDGED.format(one=quote(before["publication_id"]), other=quote(after["publication_id"]))
    person = None
    if user:
        asked = _PERSON.format(**versions, places=SHOWN_PLACES, user="$1")
        told = _PERSON.format(**versions, places=SHOWN_PLACES, user=quote(user))
        person = Figure(told, rows_of(lake, asked, user))
    return Comparison(before, after, overlap, movers, sources, Figure(judged, rows_of(lake, judged)), person)


def move(before: int | None, after: int | None) -> str:
    """What became of a place, in words that need no colour."""
    if before is None:
        return "new"
    if after is None:
        return "gone"
    if before == after:
        return "same place"
    return f"▲ {before - after} up" if after < before else f"▼ {after - before} down"
