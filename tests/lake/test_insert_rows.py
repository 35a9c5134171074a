"""Rows by column name, in one statement."""

from __future__ import annotations

from datetime import datetime

import pytest

from include.errors import LakeError
from include.lake.insert_rows import insert_rows
from include.lake.lake import open_lake
from include.settings import Settings

AT = datetime(2026, 1, 31, 2, 0, 0, 1)


def test_many_rows_are_one_file(settings: Settings) -> None:
    rows = [
        {"finished_at": AT, "stage": f"s{n:02}", "run_id": "r", "seconds": n / 2, "rows_in": n}
        for n in range(50)
    ]
    with open_lake(settings) as lake:
        lake.write(lambda con: insert_rows(con, "ops.stages", rows), run_id="r", message="test")
        found = lake.rows("select * from ops.stages order by stage limit 2")
        files = lake.rows("select * from ducklake_list_files('nightjar', 'stages', schema => 'ops')")
    assert found == [("r", "s00", 0, None, 0.0, None, AT), ("r", "s01", 1, None, 0.5, None, AT)]
    assert len(files) == 1


def test_an_unknown_column_is_named_and_nothing_is_written(settings: Settings) -> None:
    rows = [{"run_id": "r", "stage": "s"}, {"run_id": "r", "stages": "t"}]
    with open_lake(settings) as lake:
        with pytest.raises(LakeError, match=r"ops\.stages has no column stages; expected run_id, stage, "):
            lake.write(lambda con: insert_rows(con, "ops.stages", rows), run_id="r", message="test")
        assert lake.value("select count(*) from ops.stages") == 0
