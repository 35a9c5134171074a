"""A static text model distilled from the domain's: a vector a token, no network of layers to run."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np

from include.errors import ModelError
from include.texts.text_model import load_text_model

log = logging.getLogger(__name__)
DIMENSIONS = 256
TOKENS_AT_ONCE = 1024
# Of smooth inverse frequency: what is frequent counts less (Arora, Liang, Ma 2017, eq. 3).
SIF = 1e-4


def distil(name: str, folder: Path, dimensions: int = DIMENSIONS) -> int:
    """Write a sentence-transformers folder whose vector of a text is the mean of its tokens' vectors.

    name: the model to distil.  folder: must not exist.  Returns the number of tokens.
    Each token is read by the model alone, the vectors are brought to ``dimensions`` by principal components
    and weighted by the token's frequency, which its place in the vocabulary stands for (Zipf).
    Raises ModelError where the model has no tokens of its own to read.
    Source: Tulkens, van Dongen 2024, "Model2Vec".
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding
    from sklearn.decomposition import PCA

    if folder.exists():
        raise ModelError(f"{folder} exists; expected a folder to be made")
    model = load_text_model(name)
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
    network = getattr(model[0], "auto_model", None)
    if tokenizer is None or network is None:
        raise ModelError(f"text model {name!r} reads no tokens by layers; expected one as all-MiniLM-L6-v2")
    n_tokens = tokenizer.get_vocab_size()
    first, last = model.tokenizer.cls_token_id, model.tokenizer.sep_token_id
    read = []
    with torch.inference_mode():
        for start in range(0, n_tokens, TOKENS_AT_ONCE):
            tokens = torch.arange(start, min(start + TOKENS_AT_ONCE, n_tokens))
            rows = torch.stack((torch.full_like(tokens, first), tokens, torch.full_like(tokens, last)), dim=1)
            rows = rows.to(network.device)
            states = network(input_ids=rows, attention_mask=torch.ones_like(rows)).last_hidden_state
            read.append(states.mean(dim=1).float().cpu().numpy())
    vectors = PCA(min(dimensions, n_tokens), random_state=0).fit_transform(np.concatenate(read))
    frequency = 1 / (np.arange(n_tokens) + 2.7)
    vectors *= (SIF / (SIF + frequency / frequency.sum()))[:, None]
    # What stands for no word says nothing.
    vectors[model.tokenizer.all_special_ids] = 0
    static = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=vectors.astype(np.float32))], device="cpu"
    )
    partial = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(partial, ignore_errors=True)
    static.save_pretrained(str(partial), create_model_card=False)
    partial.rename(folder)
    log.info("%s: %d tokens of %d numbers in %s", name, n_tokens, vectors.shape[1], folder)
    return int(n_tokens)
