"""Labels told by titles alone, beside chance and the most frequent ones.

Run: python benchmarks/attributes.py, on a home where `make demo`, or a nightly of its data, ran.
The genres of MovieLens are hidden: of all films (the words of a genre alone tell it), or of a fifth of them
(the others teach). Micro-F1 over the films whose genres are hidden.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import scipy.sparse as sp

from include.config.domain import Domain, load_domain
from include.config.understanding import LabelGroup, Understanding
from include.interactions.catalogue import make_catalogue
from include.interactions.histories import histories_from_pairs
from include.interactions.labels import Labels
from include.lake.lake import open_lake
from include.retrieval.text import centred_unit_rows
from include.settings import SEED, load_settings
from include.texts.text_model import load_text_model, phrase_encoder
from include.understanding.fit_attributes import fit_attributes

HIDDEN_SHARE = 0.2
PROMPTS = ("{label}", "a {label} film")


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    settings = load_settings()
    domain = load_domain(settings.config)
    with open_lake(settings, read_only=True) as lake:
        rows = lake.rows("select item_id, title, attributes from raw.items order by item_id")
    genres = [set(json.loads(attributes)["genres"]) - {"unknown"} for _, _, attributes in rows]
    names = sorted({genre for found in genres for genre in found})
    truth = np.array([[name in found for name in names] for found in genres])
    encoder = load_text_model(domain.text_model)
    vectors = encoder.encode([title for _, title, _ in rows], normalize_embeddings=True)
    is_hidden = np.random.default_rng(SEED).random(len(rows)) < HIDDEN_SHARE
    print(f"{len(rows)} films, {len(names)} genres, {truth.sum(axis=1).mean():.2f} a film")
    print("| told by | genres known of | micro-F1 | precision | recall |\n|---|---|---|---|---|")
    everything = np.ones(len(rows), bool)
    for prompt in PROMPTS:
        told = tell(domain, vectors, truth, names, everything, prompt)
        print(f"| title, by the words “{prompt}” | no film | {scores(told, truth)} |")
    told = tell(domain, vectors, truth, names, is_hidden, PROMPTS[1])
    print(f"| title, learned | four fifths | {scores(told[is_hidden], truth[is_hidden])} |")
    share = truth[~is_hidden].mean(axis=0)
    frequent = np.zeros_like(truth[is_hidden])
    frequent[:, np.argsort(-share)[:2]] = True
    print(f"| the two most frequent genres | four fifths | {scores(frequent, truth[is_hidden])} |")
    chance = np.random.default_rng(SEED).random((int(is_hidden.sum()), len(names))) < share
    print(f"| chance, by frequency | four fifths | {scores(chance, truth[is_hidden])} |")


def tell(
    domain: Domain,
    vectors: np.ndarray,
    truth: np.ndarray,
    names: list[str],
    is_hidden: np.ndarray,
    prompt: str,
) -> np.ndarray:
    """bool (n_items, n_genres): what the titles are sure of, where the genres of is_hidden are not known."""
    mean = vectors.mean(axis=0)
    texts = centred_unit_rows(vectors, mean)
    known = sp.csr_matrix((truth & ~is_hidden[:, None]).astype(np.float32))
    labels = Labels(np.array(["genre"] * len(names)), np.array(names), known)
    catalogue = make_catalogue(
        np.array([str(at) for at in range(len(vectors))]), labels=labels if known.nnz else None
    )
    none = np.zeros(0)
    nobody = histories_from_pairs(none, none, none, none, n_users=0, n_items=len(vectors))
    config = Understanding(taxonomy={"genre": LabelGroup(labels=tuple(names), prompt=prompt)})
    model = fit_attributes(config, catalogue, texts, mean, nobody, phrase_encoder(domain.text_model), SEED)
    told = model.label_items(catalogue, texts).of.toarray() > 0
    return told[:, [model.name.tolist().index(name) for name in names]]


def scores(told: np.ndarray, truth: np.ndarray) -> str:
    right = (told & truth).sum()
    precision, recall = right / max(told.sum(), 1), right / truth.sum()
    return f"{2 * right / (told.sum() + truth.sum()):.3f} | {precision:.3f} | {recall:.3f}"


if __name__ == "__main__":
    main()
