"""A run's folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import pytest

from include.config.domain import Domain
from include.errors import DataError
from include.run import Run, Stage, metered
from include.settings import Settings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("manual__2026-01-31T02:00:00+00:00", "manual__2026-01-31T02.00.00+00.00"),
        ("a" * 120 + "b", "a" * 120 + "c"),
        ("a~b", "a_b"),
    ],
)
def test_two_runs_never_share_a_folder(settings: Settings, domain: Domain, one: str, other: str) -> None:
    folders = {Run(run_id, settings, domain).folder for run_id in (one, other)}
    assert len(folders) == 2
    assert all(folder.parent == settings.runs and len(folder.name) < 140 for folder in folders)


def test_a_plain_id_is_its_folders_name(settings: Settings, domain: Domain) -> None:
    assert Run("nightly-7", settings, domain).folder == settings.runs / "nightly-7"


@dataclass(frozen=True)
class Measured:
    at: datetime
    figures: tuple[float | None, ...]


STAGE = Stage("measure", Measured)


def test_a_record_comes_back_as_it_was(settings: Settings, domain: Domain) -> None:
    run = Run("nightly-7", settings, domain)
    record = Measured(datetime(2026, 1, 31, 2, 0, 0, 5), (0.1 + 0.2, None, math.inf))
    with metered(run, STAGE) as meter:
        meter.rows_in, meter.record = 3, record
    assert Run("nightly-7", settings, domain).recorded(STAGE) == record
    cost = run.costs()[0]
    assert (cost.stage, cost.rows_in, cost.rows_out) == ("measure", 3, 0)


def test_a_stage_without_its_record_is_an_error(settings: Settings, domain: Domain) -> None:
    run = Run("nightly-7", settings, domain)
    with pytest.raises(TypeError, match="stage 'measure' ended without its Measured"), metered(run, STAGE):
        pass
    with pytest.raises(DataError, match="run nightly-7 has no record of its stage 'measure'"):
        run.recorded(STAGE)
