"""Memory follows how much text there is, not the longest times the rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.installation import REPO

# In a process of its own: the peak of this one is that of every test before.
CODE = """
import json, resource, sys
from datetime import datetime
from include.config.domain import load_domain
from include.features.training_matrices import load_catalogue, load_segments
from include.lake.lake import open_lake
from include.settings import load_settings
import numpy as np

settings = load_settings()
with open_lake(settings) as lake:
    lake.write(lambda con: con.execute('''
        insert into raw.items by name select 'i' || range as item_id,
            if(range = 7, repeat('t', 900_000), 'Title ' || range) as title,
            if(range = 8, repeat('c', 900_000), 'books') as category,
            if(range = 9, '{"' || repeat('k', 900_000) || '": 1}', '{"pages": ' || range || '}') as attributes
        from range(60_000)'''), run_id='r', message='m')
    lake.write(lambda con: con.execute('''
        insert into raw.users by name select 'u' || range as user_id,
            if(range = 7, '{"age": "' || repeat('a', 900_000) || '"}', '{"age": "young"}') as attributes
        from range(60_000)'''), run_id='r', message='m')
    catalogue = load_catalogue(lake.con, load_domain(settings.config), datetime(2026, 1, 1))
    names, _ = load_segments(lake.con, np.array([f'u{n}' for n in range(60_000)]), 'age')
title = catalogue.titles[catalogue.index_of(np.array(['i7']))[0]]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([len(title), str(title)[-1], max(map(len, names)), len(catalogue), peak]))
"""


@pytest.mark.slow
def test_one_long_title_category_key_and_segment_cost_no_more_than_themselves(
    tmp_path: Path, domain_file: Path
) -> None:
    own = {"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(domain_file)}
    command = [sys.executable, "-c", CODE]
    environ = os.environ | own
    done = subprocess.run(command, cwd=REPO, env=environ, capture_output=True, text=True, check=True)
    title, ending, longest_segment, n_items, peak = json.loads(done.stdout.splitlines()[-1])
    assert (title, ending, n_items) == (200, "…", 60_000)
    assert longest_segment <= len("age=") + 200
    assert peak < 1_500_000  # kilobytes: 60,000 such titles took 201 GiB
