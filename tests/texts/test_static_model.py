"""A text model distilled to a vector a token."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from include.errors import ModelError
from include.texts.static_model import distil
from include.texts.text_model import encode_texts, find_text_model, load_text_model

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def test_what_exists_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists"):
        distil(MINILM, tmp_path)


@pytest.mark.slow
@pytest.mark.long
def test_it_reads_alike_what_is_alike(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    assert distil(MINILM, folder) == 30_522
    assert find_text_model(str(folder)).key.startswith("static@")
    model = load_text_model(str(folder))
    mug, cup, war, nothing = encode_texts(
        model, "static", ["red coffee mug", "blue tea cup", "a war film", ""]
    )
    assert mug @ cup > 2 * abs(mug @ war)
    np.testing.assert_allclose([mug @ mug, nothing @ nothing], [1, 0], atol=1e-5)
    with pytest.raises(ModelError, match="reads no tokens by layers"):
        distil(str(folder), tmp_path / "again")
