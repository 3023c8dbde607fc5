"""The recipe `motion` keeps a whole body that moves, and neither a talking head nor half a body."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from curator_motion import Pose

from tests.footage import own
from tests.measured import model_files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    store = next(iter(model_files(Pose()).values())).parents[1]
    folder = tmp_path_factory.mktemp("motion")
    names = ("juggle_720p.mp4", "talk_f_01_hdtf.mp4", "asl_book.mkv")
    lines = ["url,license", *(f"{own(name)},CC0-1.0" for name in names)]
    (folder / "films.csv").write_text("\n".join(lines) + "\n")
    (folder / "store").mkdir()
    (folder / "store" / "weights").symlink_to(store / "weights")
    command = [sys.executable, "-m", "curator", "build", "motion", "sources.films.license=CC0-1.0"]
    command += [
        f"sources.films.url={folder}/films.csv",
        f"out={folder}/out",
        f"store.root={folder}/store",
    ]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    release = json.loads(done.stdout.splitlines()[-1])["release"]
    return pq.read_table(Path(release) / "metrics.parquet").to_pylist()


def kept_seconds(rows, name):
    return sum(
        row["end_seconds"] - row["start_seconds"]
        for row in rows
        if row["verdict"] == "kept" and Path(row["video"]).name == name
    )


def test_the_juggler_is_kept_from_end_to_end(rows):
    assert kept_seconds(rows, "juggle_720p.mp4") > 9.5


@pytest.mark.parametrize("name", ["talk_f_01_hdtf.mp4", "asl_book.mkv"])
def test_half_bodies_are_dropped_because_they_are_no_whole_ones(rows, name):
    assert kept_seconds(rows, name) == 0
    dropped = [row for row in rows if Path(row["video"]).name == name]
    assert {"where.seen", "where.whole"} & {row["reason"] for row in dropped}
    assert {row["verdict"] for row in dropped} == {"dropped"}
