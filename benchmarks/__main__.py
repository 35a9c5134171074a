"""Speed, memory and quality, reported: python -m benchmarks [nightly|training|refresh|quality]

nightly: the DAG on MovieLens-100K in a new home, Airflow included; what each stage cost.
training: search, fit and lists of a million made-up events.
refresh: a tick and a read on a lake of as many, and on one of twenty times as many.
quality: the public benchmark (some ten minutes).
Without a name: the first three.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from include.config.domain import load_domain
from include.demo.movielens import FOLDER_IN_WHEEL, fetch, land
from include.demo.show import show_stages
from include.installation import REPO
from include.lake.lake import open_lake
from include.settings import Settings, load_settings

MODES = ("nightly", "training", "refresh", "quality")


def bench_nightly() -> int:
    """One nightly of the `movies` domain, first on the machine's data and then again with nothing new."""
    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as folder:
        environ = {**os.environ, "NIGHTJAR_HOME": folder, "NIGHTJAR_CONFIG": "movies"}
        settings = load_settings(environ)
        settings.make_folders()
        land(fetch(downloads()), settings.home)
        for what in ("first nightly, settings searched", "second nightly, settings kept"):
            began = time.monotonic()
            command = [sys.executable, "-m", "bin.run_dag", "nightly_recommendations"]
            status = subprocess.run(command, env=environ, cwd=REPO, check=False).returncode
            if status:
                return status
            show_cost(settings, what, time.monotonic() - began)
    return 0


def show_cost(settings: Settings, what: str, seconds: float) -> None:
    with open_lake(settings, read_only=True) as lake:
        run_id = lake.value("select run_id from serving.publications order by publication_id desc limit 1")
        work = lake.value("select sum(seconds) from ops.stages where run_id = ?", [run_id])
        print(
            f"{what}: {seconds:.1f} s wall, {work:.1f} s of it in stages",
            *show_stages(lake, run_id),
            sep="\n",
        )


def bench_quality() -> int:
    """Extract MovieLens-100K, embed its texts with the domain's model, run benchmarks/quality.py."""
    from include.texts.text_model import load_text_model

    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as folder:
        with zipfile.ZipFile(fetch(downloads())) as archive:
            archive.extractall(
                folder, [name for name in archive.namelist() if name.startswith(FOLDER_IN_WHEEL)]
            )
        data = Path(folder) / FOLDER_IN_WHEEL
        lines = (data / "ml-100k.item").read_text(encoding="latin-1").splitlines()[1:]
        fields = {cells[0]: cells for cells in (line.split("\t") for line in lines)}
        # As the movies domain renders a film: its title, the year, its genres.
        films = [fields[key] for key in sorted(fields, key=int)]
        texts = [f"{film[1]} ({film[2]}). {', '.join(film[3].split())}" for film in films]
        name = load_domain(load_settings({**os.environ, "NIGHTJAR_CONFIG": "movies"}).config).text_model
        vectors = load_text_model(name).encode(texts, normalize_embeddings=True)
        np.save(data / "embeddings.npy", np.asarray(vectors, dtype=np.float32))
        command = [sys.executable, str(REPO / "benchmarks" / "quality.py"), "--data", str(data)]
        command += ["--embeddings", str(data / "embeddings.npy"), *sys.argv[2:]]
        return subprocess.run(command, cwd=REPO, check=False).returncode


def downloads() -> Path:
    return load_settings({**os.environ, "NIGHTJAR_CONFIG": "movies"}).home / "downloads"


def main() -> int:
    modes = sys.argv[1:2] or ["nightly", "training", "refresh"]
    for mode in modes:
        if mode not in MODES:
            print(f"no benchmark {mode!r}; there are: {', '.join(MODES)}", file=sys.stderr)
            return 2
        if mode in ("training", "refresh"):
            command = [sys.executable, "-m", f"benchmarks.{mode}", *sys.argv[2:]]
            status = subprocess.run(command, cwd=REPO, check=False).returncode
        else:
            status = bench_nightly() if mode == "nightly" else bench_quality()
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
