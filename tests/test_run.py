"""A run's folder."""

from __future__ import annotations

import pytest

from include.config.domain import Domain
from include.run import Run
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
