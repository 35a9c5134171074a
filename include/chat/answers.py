"""Answers of the chat model, kept by their question; each call, made or left out, is counted."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from include.chat.client import ChatFailure, ChatModel, Question, plain
from include.config.chat import ChatConfig
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake

log = logging.getLogger(__name__)
# What a killed run loses at most.
COMMITTED_AT_ONCE = 32
# Why something is told without the model: columns of ops.chat_calls.
CAUSES = ("timeout", "failed", "invalid", "over_budget", "given_up")
Read = Callable[[dict[str, Any]], dict[str, Any] | None]


def known_answers(con: duckdb.DuckDBPyConnection, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Key -> answer, of those that have one."""
    con.register("_asked_keys", pa.table({"key": pa.array(list(keys), pa.string())}))
    try:
        rows = con.execute(
            "select answers.key, answers.answer from features.chat_answers as answers"
            " semi join _asked_keys on answers.key = _asked_keys.key"
        ).fetchall()
    finally:
        con.unregister("_asked_keys")
    return {key: json.loads(answer) for key, answer in rows}


def ask_all(
    lake: Lake,
    config: ChatConfig,
    secret: str | None,
    use: str,
    questions: Sequence[Question],
    read: Read,
    *,
    run_id: str,
    now: datetime,
) -> dict[str, dict[str, Any]]:
    """Key -> answer, from before or new; a row of ops.chat_calls says what became of every question.

    secret: the server's key.  read: an answer as it may be used, None where it does not fit.  Answers are
    committed as they come in, so that a killed run keeps them. Nothing is raised where the model fails.
    """
    began = time.monotonic()
    by_key = {question.key(config): question for question in questions}
    answers = known_answers(lake.con, by_key)
    waiting = [key for key in by_key if key not in answers]
    spent = lake.value("select coalesce(sum(called), 0) from ops.chat_calls where run_id = ?", [run_id])
    left = max(0, config.max_calls - int(spent))
    counts: Counter[str] = Counter(over_budget=max(0, len(waiting) - left))
    n_cached, failures, last = len(answers), 0, ""
    model = ChatModel(config, secret)
    fresh: dict[str, dict[str, Any]] = {}
    try:
        with ThreadPoolExecutor(config.concurrency) as pool:
            for row in _rows(waiting[:left], config.concurrency):
                if failures >= config.max_failures:
                    counts["given_up"] += len(row)
                    continue
                for key, found in pool.map(lambda key: (key, _tried(model, by_key[key], read)), row):
                    counts["called"] += 1
                    if isinstance(found, ChatFailure):
                        counts[found.cause] += 1
                        failures, last = failures + 1, str(found)
                    else:
                        fresh[key], failures = found, 0
                if len(fresh) >= COMMITTED_AT_ONCE:
                    _keep(lake, use, fresh, run_id, now)
                    answers, fresh = answers | fresh, {}
        _keep(lake, use, fresh, run_id, now)
    finally:
        model.close()
    answers |= fresh
    row_of_run = {
        "run_id": run_id,
        "use": use,
        "asked": len(by_key),
        "cached": n_cached,
        "called": counts["called"],
        "answered": len(answers) - n_cached,
        **{cause: counts[cause] for cause in CAUSES},
        "problem": last,
        "seconds": round(time.monotonic() - began, 3),
        "asked_at": now,
    }
    lake.write(
        lambda con: insert_rows(con, "ops.chat_calls", [row_of_run]), run_id=run_id, message="chat calls"
    )
    log.info("chat model, %s: %s", use, {key: value for key, value in row_of_run.items() if value})
    return answers


def _rows(keys: Sequence[str], n: int) -> Iterator[Sequence[str]]:
    """Calls at a time: no more than that go to a server that has died."""
    return (keys[at : at + n] for at in range(0, len(keys), n))


def _tried(model: ChatModel, question: Question, read: Read) -> dict[str, Any] | ChatFailure:
    try:
        said = model.ask(question)
        found = read(said)
    except ChatFailure as failure:
        return failure
    return (
        ChatFailure("invalid", f"the answer does not fit: {plain(str(said)[:100])}")
        if found is None
        else found
    )


def _keep(lake: Lake, use: str, fresh: dict[str, dict[str, Any]], run_id: str, now: datetime) -> None:
    if not fresh:
        return
    rows = [
        {"key": key, "use": use, "answer": json.dumps(answer, ensure_ascii=False), "answered_at": now}
        for key, answer in fresh.items()
    ]
    lake.write(
        lambda con: insert_rows(con, "features.chat_answers", rows), run_id=run_id, message="chat answers"
    )
