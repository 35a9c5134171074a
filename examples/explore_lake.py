"""Five questions to the lake, with pictures: make notebook

A marimo notebook, which is a Python file. It reads NIGHTJAR_HOME (else .nightjar/ in the checkout), attached
read-only, and writes nothing.
"""

import marimo

app = marimo.App(width="medium", app_title="Nightjar: explore the lake")


@app.cell
def _():
    import os
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo

    home = Path(os.environ.get("NIGHTJAR_HOME") or Path(__file__).resolve().parent.parent / ".nightjar")
    script = home / "lake" / "attach.sql"
    if not script.is_file():
        raise SystemExit(
            f"no lake below {home}: run `make demo` or `make nightly` first, or set NIGHTJAR_HOME"
        )
    con = duckdb.connect()
    con.execute(script.read_text())
    mo.md(f"# The lake below `{home.name}`, read-only")
    return alt, con, mo


@app.cell
def _(con, mo):
    freshness = con.sql(
        """
        select publication_id, kind, as_of, published_at, users, rows
        from nightjar.serving.publications order by publication_id desc limit 10
        """
    ).df()
    mo.vstack([mo.md("## How old is what people see?"), freshness])
    return (freshness,)


@app.cell
def _(con, mo):
    people = (
        con.sql("select distinct user_id from nightjar.serving.recommendations order by user_id limit 1000")
        .df()["user_id"]
        .tolist()
    )
    person = mo.ui.dropdown(people, value=people[0], label="person")
    mo.vstack([mo.md("## What does one person get, and why?"), person])
    return (person,)


@app.cell
def _(con, mo, person):
    their_list = con.execute(
        """
        select
            recommendations."rank", coalesce(items.title, recommendations.item_id) as title,
            recommendations.source, recommendations.reason, round(recommendations.score, 3) as score
        from nightjar.serving.recommendations as recommendations
        left join nightjar.raw.items as items using (item_id)
        where recommendations.user_id = ?
        order by recommendations."rank" limit 10
        """,
        [person.value],
    ).df()
    their_profile = con.execute(
        "select profile from nightjar.features.user_profiles where user_id = ?", [person.value]
    ).fetchone()
    mo.vstack(
        [mo.md(f"*{their_profile[0] if their_profile else 'nothing is known of them yet'}*"), their_list]
    )
    return (their_list,)


@app.cell
def _(alt, con, mo):
    sources = con.sql(
        """
        select source, count(*) as places from nightjar.serving.recommendations
        where "rank" <= 10 group by source order by places desc
        """
    ).df()
    source_chart = (
        alt.Chart(sources, title="First ten places, by the source that says most")
        .mark_bar()
        .encode(x=alt.X("places:Q", title="places"), y=alt.Y("source:N", sort="-x", title=None))
    )
    mo.vstack([mo.md("## Where do recommendations come from?"), source_chart])
    return source_chart, sources


@app.cell
def _(alt, con, mo):
    reach = con.sql(
        """
        with shown as (
            select item_id, count(*) as lists from nightjar.serving.recommendations
            where "rank" <= 10 group by item_id
        )
        select
            row_number() over (order by lists desc, item_id) as place,
            lists,
            sum(lists) over (order by lists desc, item_id) / sum(lists) over () as share
        from shown order by place
        """
    ).df()
    reach_chart = (
        alt.Chart(reach, title="Share of all places that the most shown items take")
        .mark_line()
        .encode(
            x=alt.X("place:Q", title="items, the most shown first"),
            y=alt.Y("share:Q", axis=alt.Axis(format="%")),
        )
    )
    mo.vstack([mo.md(f"## How many items are shown at all? {len(reach):,}"), reach_chart])
    return reach, reach_chart


@app.cell
def _(alt, con, mo):
    by_day = con.sql(
        """
        with span as (
            select min(event_at)::date as first, max(event_at)::date as last from nightjar.raw.events
        ),
        days as (
            select unnest(generate_series(first, last, interval 1 day))::date as day from span
        ),
        counted as (select event_at::date as day, count(*) as events from nightjar.raw.events group by day)
        select days.day, coalesce(counted.events, 0) as events
        from days left join counted using (day) order by days.day desc limit 365
        """
    ).df()
    day_chart = (
        alt.Chart(by_day, title="Events a day, days without any included")
        .mark_area(opacity=0.6)
        .encode(x=alt.X("day:T", title=None), y=alt.Y("events:Q"))
    )
    mo.vstack([mo.md("## What came in?"), day_chart])
    return by_day, day_chart


if __name__ == "__main__":
    app.run()
