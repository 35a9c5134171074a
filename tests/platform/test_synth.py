"""bin.synth: what it lands is taken in whole, and the same sizes give the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bin.synth import main, read_size
from include.config.domain import load_domain
from include.demo import made_up
from include.demo.made_up import Size
from include.ingest.ingest import ingest_pending
from include.lake.lake import open_lake
from include.settings import load_settings, utc_now

SIZE = {"EVENTS": "2500", "USERS": "30", "ITEMS": "80", "DAYS": "3650"}


def test_all_of_it_is_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(made_up, "ROWS_A_FILE", 1000)
    homes = []
    for home in (tmp_path / "one", tmp_path / "two"):
        home.mkdir()
        assert main({"NIGHTJAR_HOME": str(home), **SIZE}) == 0
        files = sorted((home / "landing").rglob("*.parquet"))
        homes.append([(file.name, file.read_bytes()) for file in files])
    assert homes[0] == homes[1] and len(homes[0]) == 4
    assert f"NIGHTJAR_CONFIG={tmp_path / 'two' / 'synthetic.yaml'} make nightly" in capsys.readouterr().out
    config = tmp_path / "one" / "synthetic.yaml"
    settings = load_settings({"NIGHTJAR_HOME": str(tmp_path / "one"), "NIGHTJAR_CONFIG": str(config)})
    with open_lake(settings) as lake:
        report = ingest_pending(
            lake, load_domain(config), settings, run_id="r", ingested_at=utc_now(), progress=lambda _: None
        )
        assert (report.rows_in, report.accepted) == (2580, 2580)
        span = lake.value("select max(event_at)::date - min(event_at)::date from raw.events")
        assert 3600 < span < 3650


@pytest.mark.parametrize("value", ["-1", "0", "many", "1e6"])
def test_a_size_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(ValueError, match="EVENTS=.*: expected a whole number above 0, as 1000000"):
        read_size({"EVENTS": value})
    assert read_size({}) == Size()
