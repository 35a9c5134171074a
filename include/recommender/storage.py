"""A recommender as one .npz with a checksum: no pickle, ids beside factors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from include.config.consumed import Consumed
from include.errors import ModelError
from include.interactions.catalogue import make_catalogue
from include.ranking.diversity import Diversity
from include.ranking.ranker import Ranker
from include.ranking.ranking_features import ItemStatistics
from include.ranking.rules import Rules
from include.recommender.model import FitReport, Recommender
from include.recommender.model_config import ModelConfig, Tuning
from include.retrieval.registry import SOURCES
from include.retrieval.text import Text
from include.understanding.attribute_model import AttributeModel
from include.whole_files import whole_file, write_whole

FORMAT = 1


def save_recommender(recommender: Recommender, path: Path) -> str:
    """Write path and path.sha256; returns the checksum in hex for ops.model_versions.

    Both are renamed into place whole.  No user id or user factor is in the file: an erased user leaves
    no trace there.
    """
    meta = {
        "format": FORMAT,
        "config": _config_to_json(recommender.config),
        "params": {name: asdict(source.params) for name, source in recommender.sources.items()},
        "weights": recommender.weights,
        "segment_names": recommender.segment_names,
        "reach": recommender.reach,
        # Seconds differ from run to run; without them the same data gives the same file and checksum.
        "report": asdict(replace(recommender.report, seconds={})),
    }
    arrays: dict[str, np.ndarray] = {"meta": _bytes(json.dumps(meta))}
    fitted = slice(0, recommender.n_fitted)
    arrays |= {f"item_ids/{key}": value for key, value in pack_texts(recommender.fitted_item_ids).items()}
    arrays |= {
        f"titles/{key}": value for key, value in pack_texts(recommender.catalogue.titles[fitted]).items()
    }
    arrays |= {f"statistics/{key}": value for key, value in vars(recommender.statistics).items()}
    for name, source in recommender.sources.items():
        arrays |= {f"source/{name}/{key}": value for key, value in source.arrays().items()}
    if recommender.lifts is not None:
        arrays["lifts"] = recommender.lifts
    if recommender.ranker is not None:
        arrays |= {f"ranker/{key}": value for key, value in recommender.ranker.arrays().items()}
    if recommender.attributes is not None:
        arrays |= {f"attributes/{key}": value for key, value in recommender.attributes.arrays().items()}
    with whole_file(path) as partial:
        with partial.open("wb") as file:
            # Typed loosely because numpy's stub takes the second positional argument for a flag.
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        checksum = file_checksum(partial)
    write_checksum(path, checksum)
    return checksum


def write_checksum(path: Path, checksum: str) -> None:
    """Keep a model's sha256 beside it, as sha256sum reads it."""
    write_whole(checksum_path(path), f"{checksum}  {path.name}\n")


def load_recommender(path: Path, checksum: str | None = None) -> Recommender:
    """Read what save_recommender wrote; call `.with_catalogue` before use, for today's availability.

    checksum: the expected one (ops.model_versions); None: that of the file beside the model.
    Raises ModelError where the file is missing, altered, torn or of another format.
    """
    if not path.is_file():
        raise ModelError(f"model {path.name}: no such file; run the nightly to train one")
    expected = checksum or _sidecar_checksum(path)
    found = file_checksum(path)
    if found != expected:
        raise ModelError(
            f"model {path.name}: sha256 is {found[:12]}…, expected {expected[:12]}…; the file was altered or "
            "torn, restore it from a backup or train again"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return _from_arrays(arrays)
    except (ValueError, KeyError, OSError, TypeError) as error:
        raise ModelError(f"model {path.name}: cannot be read ({error}); train again") from error


def _from_arrays(arrays: dict[str, np.ndarray]) -> Recommender:
    meta = json.loads(arrays["meta"].tobytes().decode())
    if meta["format"] != FORMAT:
        raise ModelError(
            f"model: format is {meta['format']}, expected {FORMAT}; train again with this version"
        )
    item_ids = unpack_texts(_under(arrays, "item_ids/"))
    sources = {}
    for name, params in meta["params"].items():
        source_type = SOURCES[name]
        sources[name] = source_type.from_arrays(
            _under(arrays, f"source/{name}/"), source_type.params_type(**params)
        )
    text = sources.get(Text.name)
    embeddings = text.embeddings[: len(item_ids)] if isinstance(text, Text) else None
    catalogue = make_catalogue(
        item_ids, titles=unpack_texts(_under(arrays, "titles/")), embeddings=embeddings
    )
    statistics = ItemStatistics(**_under(arrays, "statistics/"))
    for name, array in vars(statistics).items():
        if len(array) != len(item_ids):
            raise ModelError(f"model: statistics '{name}' has {len(array)} rows for {len(item_ids)} item ids")
    return Recommender(
        catalogue,
        len(item_ids),
        _config_from_json(meta["config"]),
        sources,
        meta["weights"],
        statistics,
        tuple(meta["segment_names"]),
        FitReport(**meta["report"]),
        Ranker.from_arrays(_under(arrays, "ranker/")) if "ranker/trees" in arrays else None,
        meta.get("reach", 0.0),
        arrays.get("lifts"),
        AttributeModel.from_arrays(_under(arrays, "attributes/")) if "attributes/name" in arrays else None,
    )


def file_checksum(path: Path) -> str:
    """sha256 of the file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_path(path: Path) -> Path:
    """Where the checksum of a model file lies."""
    return path.with_name(path.name + ".sha256")


def pack_texts(texts: np.ndarray) -> dict[str, np.ndarray]:
    """Texts as UTF-8 bytes and offsets: a numpy text array would pad all to the longest."""
    encoded = [str(text).encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in encoded], dtype=np.int64)))
    return {"bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8), "offsets": offsets.astype(np.int64)}


def unpack_texts(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The inverse of pack_texts."""
    raw, offsets = arrays["bytes"].tobytes(), arrays["offsets"]
    texts = [
        raw[low:high].decode("utf-8", "surrogatepass")
        for low, high in zip(offsets[:-1], offsets[1:], strict=True)
    ]
    return np.array(texts, dtype=str)


def _sidecar_checksum(path: Path) -> str:
    sidecar = checksum_path(path)
    if not sidecar.is_file():
        raise ModelError(f"model {path.name}: its checksum file {sidecar.name} is missing; train again")
    return sidecar.read_text(encoding="utf-8").split(" ")[0].strip()


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _config_to_json(config: ModelConfig) -> dict[str, Any]:
    return asdict(config)


def _config_from_json(data: dict[str, Any]) -> ModelConfig:
    rules = dict(data["rules"])
    for key in ("block_items", "block_categories"):
        rules[key] = tuple(rules[key])
    return ModelConfig(
        **{
            **data,
            "sources": tuple(data["sources"]),
            "params": {name: SOURCES[name].params_type(**params) for name, params in data["params"].items()},
            "consumed": Consumed(**data["consumed"]),
            "diversity": Diversity(**data["diversity"]),
            "rules": Rules(**rules),
            "tuning": Tuning(**data["tuning"]),
        }
    )
