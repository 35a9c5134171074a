"""What the demonstration prints: lists with titles, sources and reasons, and what the run cost."""

from __future__ import annotations

from collections.abc import Sequence

from include.lake.lake import Lake

TITLE_WIDTH = 38
SHOWN_RANKS = 6


def show_list(lake: Lake, user_id: str, heading: str, before: Sequence[str] = ()) -> list[str]:
    """Lines of one user's list.  before: item ids of an earlier list; what is new is marked."""
    rows = lake.rows(
        """
        select lists.rank, lists.item_id, coalesce(items.title, lists.item_id), lists.source, lists.reason
        from serving.recommendations as lists
        left join raw.items as items using (item_id)
        where lists.user_id = ? and lists.rank <= ?
        order by lists.rank
        """,
        [user_id, SHOWN_RANKS],
    )
    lines = [heading, f"    {'':3} {'title':{TITLE_WIDTH}} {'source':13} reason"]
    for rank, item_id, title, source, reason in rows:
        mark = "new" if before and item_id not in before else ""
        lines.append(f"{mark:>3} {rank:3} {_cut(title):{TITLE_WIDTH}} {source:13} {reason}")
    return lines


def show_asked(lake: Lake, ask: str, rows: Sequence[tuple[int, str, str]]) -> list[str]:
    """Lines of an answered request.  rows: rank, item id, reason."""
    titles = dict(
        lake.rows(
            "select item_id, title from raw.items where list_contains(?, item_id)", [[row[1] for row in rows]]
        )
    )
    lines = [f'asked for "{ask}":']
    return lines + [
        f"    {rank:3} {_cut(titles.get(item) or item):{TITLE_WIDTH}} {reason}" for rank, item, reason in rows
    ]


def show_portrait(lake: Lake, user_id: str) -> list[str]:
    """What features.user_* tell of a user: taste and intent in a sentence each, the strongest interests."""
    found = lake.rows(
        "select profiles.profile, intents.about, intents.confidence"
        " from features.user_profiles as profiles"
        " inner join features.user_intents as intents using (user_id) where user_id = ?",
        [user_id],
    )
    interests = lake.rows(
        "select label, weight, lift from features.user_interests where user_id = ? order by rank limit 4",
        [user_id],
    )
    if not found:
        return [f"User {user_id}: nothing is known yet"]
    profile, about, confidence = found[0]
    told = ", ".join(
        f"{label} {weight:.0%} ({lift:.1f} times everyone's)" for label, weight, lift in interests
    )
    return [
        f"User {user_id}: {profile}",
        f"    now      {about} (confidence {confidence:.2f})",
        f"    likes    {told}",
    ]


def listed_items(lake: Lake, user_id: str) -> list[str]:
    """Item ids of the shown ranks of a user's list."""
    rows = lake.rows(
        "select item_id from serving.recommendations where user_id = ? and rank <= ? order by rank",
        [user_id, SHOWN_RANKS],
    )
    return [str(item_id) for (item_id,) in rows]


def show_latest(lake: Lake, user_id: str, n: int = 3) -> str:
    """The newest things a user did, in one line."""
    rows = lake.rows(
        """
        select coalesce(items.title, events.item_id), events.value
        from raw.events as events
        left join raw.items as items using (item_id)
        where events.user_id = ?
        order by events.event_at desc, events.event_id
        limit ?
        """,
        [user_id, n],
    )
    return ", ".join(f"{title} ({value:g})" if value is not None else title for title, value in rows)


def show_stages(lake: Lake, run_id: str) -> list[str]:
    """The stage table of a run: rows, seconds, peak memory of the largest process."""
    rows = lake.rows(
        "select stage, rows_in, rows_out, seconds, peak_rss_bytes from ops.stages"
        " where run_id = ? order by finished_at",
        [run_id],
    )
    lines = [f"{'stage':18} {'rows in':>10} {'rows out':>10} {'seconds':>8} {'peak MiB':>9}"]
    for stage, rows_in, rows_out, seconds, peak in rows:
        lines.append(f"{stage:18} {rows_in:10,} {rows_out:10,} {seconds:8.1f} {peak / 2**20:9,.0f}")
    return lines


def show_evaluation(lake: Lake, run_id: str) -> list[str]:
    """nDCG@10 of the pipeline and of each source alone, best first."""
    rows = lake.rows(
        "select subject, value, low, high, users from ops.evaluations"
        " where run_id = ? and metric = 'ndcg' and k = 10 and low is not null"
        " and subject not like 'segment %' order by value desc, subject",
        [run_id],
    )
    lines = [f"{'nDCG@10 on the newest events':30} {'value':>7}  95 % interval"]
    for subject, value, low, high, users in rows:
        lines.append(f"{subject:30} {value:7.4f}  {low:.4f} to {high:.4f} ({users} users)")
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= TITLE_WIDTH else text[: TITLE_WIDTH - 1] + "…"
