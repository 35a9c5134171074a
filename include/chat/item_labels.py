"""Labels of a taxonomy, as the chat model reads item texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import scipy.sparse as sp

from include.chat.answers import Read, known_answers
from include.chat.client import Question, plain
from include.config.chat import ChatConfig
from include.config.domain import Domain
from include.config.understanding import LabelGroup
from include.interactions.labels import Labels
from include.texts.embed import texts_of

USE = "attributes"
MAX_LABELS = 3  # of one attribute
# A chat model does not say how sure it is, and no data calibrate it: as sure as a text has to be.
CONFIDENCE = 0.5
_ORDER = (
    "You label things of a catalogue. For each list of labels name those that surely apply to the item, at"
    " most three, and none where you are not sure."
)


def label_question(text: str, taxonomy: dict[str, LabelGroup]) -> Question:
    """What is asked of an item's text."""
    groups = {attribute: list(group.labels) for attribute, group in taxonomy.items()}
    properties = {
        attribute: {"type": "array", "items": {"type": "string", "enum": labels}, "maxItems": MAX_LABELS}
        for attribute, labels in groups.items()
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(groups),
        "additionalProperties": False,
    }
    return Question(USE, _ORDER, {"item": plain(text), "labels": groups}, schema)


def label_reader(taxonomy: dict[str, LabelGroup]) -> Read:
    """Takes nothing but labels that the taxonomy has."""

    def read(answer: dict[str, Any]) -> dict[str, Any] | None:
        found: dict[str, list[str]] = {}
        for attribute, group in taxonomy.items():
            said = answer.get(attribute)
            if not isinstance(said, list):
                return None
            known = [label for label in group.labels if label in said]
            found[attribute] = known[:MAX_LABELS]
        return found

    return read


def load_told_labels(con: duckdb.DuckDBPyConnection, domain: Domain, item_ids: np.ndarray) -> Labels | None:
    """What the model has answered of the items' texts as they are now; None where it is not asked for labels,
    or has said nothing."""
    if domain.chat.url is None or USE not in domain.chat.uses or not domain.understanding.taxonomy:
        return None
    taxonomy = domain.understanding.taxonomy
    texts = texts_of(con, domain, item_ids)
    keys = [label_question(text, taxonomy).key(domain.chat) if text else "" for text in texts]
    answers = known_answers(con, {key for key in keys if key})
    return told_labels([answers.get(key, {}) for key in keys], domain.chat, taxonomy) if answers else None


def told_labels(
    answers: Sequence[dict[str, Any]], config: ChatConfig, taxonomy: dict[str, LabelGroup]
) -> Labels:
    """answers: one an item, {} where there is none."""
    names = [(attribute, label) for attribute, group in taxonomy.items() for label in group.labels]
    column = {name: at for at, name in enumerate(names)}
    entries = [
        (row, column[attribute, label])
        for row, answer in enumerate(answers)
        for attribute, labels in answer.items()
        for label in labels
        if (attribute, label) in column
    ]
    rows, columns = (np.array([entry[at] for entry in entries], dtype=np.int64) for at in range(2))
    confidence = np.full(len(entries), CONFIDENCE, np.float32)
    matrix = sp.csr_matrix((confidence, (rows, columns)), (len(answers), len(names)))
    attribute, label = (np.array([name[at] for name in names], dtype=str) for at in range(2))
    return Labels(attribute, label, matrix)
