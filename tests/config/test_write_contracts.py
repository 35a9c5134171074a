"""Drift between include/contracts.py and what is written from it is seen, named and mended."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bin import write_contracts
from include import contracts_dbt
from include.contracts import TABLES


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the staging models, in the place of the project's."""
    copy = tmp_path / "staging"
    shutil.copytree(contracts_dbt.STAGING, copy)
    monkeypatch.setattr(contracts_dbt, "STAGING", copy)
    monkeypatch.setattr(write_contracts, "REPO", Path("/"))
    return copy


def test_nothing_has_drifted(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_contracts.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", ["stg_events.yml", "sources.yml"])
def test_an_edited_text_is_named_and_written_back(
    staging: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = staging / name
    before = path.read_text()
    (doc,) = (column.doc for column in TABLES["raw.events"].columns if column.name == "user_id")
    assert doc in before
    path.write_text(before.replace(doc, "who"))
    assert write_contracts.main(["--check"]) == 1
    assert f"{name} differs from the code: run `make contracts`" in capsys.readouterr().out
    assert write_contracts.main([]) == 0
    assert path.read_text() == before


def test_tests_and_own_columns_of_a_model_stay(staging: Path) -> None:
    text = contracts_dbt.written_anew(staging / "stg_events.yml")
    assert "day of event_at, UTC" in text and "- unique" in text
