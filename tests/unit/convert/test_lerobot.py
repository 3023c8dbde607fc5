"""LeRobotDataset v3.0: by the layout that its writer has, by our own reader, and by LeRobot's."""

from __future__ import annotations

import json
import os
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from curator.abc.reader import Sidecar
from curator.align.read.lerobot import open_dataset
from curator.convert.convert import convert
from curator.convert.lerobot.stats import joined, value_stats
from curator.errors import ConvertError
from tests.loading import LEVEL, STEP, Shape

CAMERAS = ("observation.images.main", "observation.images.wrist")
SHAPES = [Shape(frames=30), Shape(frames=50), Shape(frames=20), Shape(frames=41)]
STATS = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
PYTHON = os.environ.get("CURATOR_TEST_LEROBOT_PYTHON")
"""An interpreter with `lerobot` or `lerobot-dataset`: they want older libraries than we do."""


def read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def levels(path: Path) -> list[tuple[float, float]]:
    with av.open(str(path)) as file:
        return [
            (float(frame.pts * frame.time_base), float(frame.to_ndarray(format="gray").mean()))
            for frame in file.decode(video=0)
        ]


@pytest.fixture
def folder(make, tmp_path: Path) -> Path:
    return convert(make(SHAPES), tmp_path / "set", to="lerobot").folder


def test_the_layout_is_that_of_its_own_writer(folder: Path) -> None:
    assert sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    ) == [
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        "videos/observation.images.main/chunk-000/file-000.mp4",
        "videos/observation.images.wrist/chunk-000/file-000.mp4",
    ]
    info = json.loads((folder / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["fps"], info["total_episodes"], info["total_frames"]) == (25, 4, 141)
    assert info["splits"] == {"train": "0:4"}
    assert info["features"]["observation.state"]["shape"] == [2]
    assert info["features"][CAMERAS[0]]["shape"] == [48, 64, 3]
    assert info["features"][CAMERAS[1]]["info"]["has_audio"] is False
    table = pq.ParquetFile(folder / "data/chunk-000/file-000.parquet")
    assert table.num_row_groups == 4
    assert str(table.schema_arrow.field("observation.state").type).startswith("fixed_size_list<")
    assert str(table.schema_arrow.field("timestamp").type) == "float"


def test_every_frame_has_its_time_its_numbers_and_its_picture(folder: Path) -> None:
    rows = read(folder / "data/chunk-000/file-000.parquet")
    assert [row["index"] for row in rows] == list(range(141))
    parts = read(folder / "meta/episodes/chunk-000/file-000.parquet")
    pictures = {name: levels(folder / f"videos/{name}/chunk-000/file-000.mp4") for name in CAMERAS}
    for episode, shape in zip(parts, SHAPES, strict=True):
        first, end = episode["dataset_from_index"], episode["dataset_to_index"]
        assert end - first == episode["length"] == shape.frames
        for frame, row in enumerate(rows[first:end]):
            assert row["frame_index"] == frame
            assert row["timestamp"] == pytest.approx(frame / 25, abs=1e-6)
            # `state` says when it is itself, 40 times a second: the last one before the frame.
            assert row["observation.state"][0] == pytest.approx(int(frame / 25 * 40 + 1e-6) / 40)
            for name in CAMERAS:
                start = episode[f"videos/{name}/from_timestamp"]
                time, level = pictures[name][first + frame]
                assert time == pytest.approx(start + row["timestamp"], abs=1e-4)
                assert level == pytest.approx((LEVEL + STEP * frame - 16) * 255 / 219, abs=4)


def test_tasks_are_the_captions(folder: Path) -> None:
    episodes = read(folder / "meta/episodes/chunk-000/file-000.parquet")
    tasks = {
        row["__index_level_0__"]: row["task_index"] for row in read(folder / "meta/tasks.parquet")
    }
    rows = read(folder / "data/chunk-000/file-000.parquet")
    for episode in episodes:
        [task] = episode["tasks"]
        assert task.startswith("word 0 word 1/5")
        assert rows[episode["dataset_from_index"]]["task_index"] == tasks[task]


def test_statistics_are_those_of_the_numbers(folder: Path) -> None:
    stats = json.loads((folder / "meta/stats.json").read_text())
    rows = read(folder / "data/chunk-000/file-000.parquet")
    state = np.asarray([row["observation.state"] for row in rows])
    assert all(set(held) == STATS for held in stats.values())
    assert stats["observation.state"]["mean"] == pytest.approx(state.mean(axis=0))
    assert stats["observation.state"]["std"] == pytest.approx(state.std(axis=0))
    assert stats["observation.state"]["max"] == pytest.approx(state.max(axis=0))
    assert stats["observation.state"]["count"] == [141]
    assert np.shape(stats[CAMERAS[0]]["mean"]) == (3, 1, 1)
    assert 0 <= np.min(stats[CAMERAS[0]]["min"]) < np.max(stats[CAMERAS[0]]["max"]) <= 1


def test_joined_statistics_are_those_of_everything() -> None:
    random = np.random.default_rng(3)
    parts = [random.normal(n, 1 + n, (10 + 7 * n, 3)) for n in range(4)]
    got, whole = joined([value_stats(one) for one in parts]), value_stats(np.concatenate(parts))
    for name in ("min", "max", "mean", "std", "count"):
        assert got[name] == pytest.approx(whole[name]), name


def test_our_own_reader_finds_every_episode(folder: Path) -> None:
    dataset = open_dataset(Sidecar(path=folder, name="set"))
    assert (dataset.version, dataset.fps) == ("v3.0", Fraction(25))
    assert [one.length for one in dataset.episodes] == [shape.frames for shape in SHAPES]
    starts = [one.videos[CAMERAS[0]].start_seconds for one in dataset.episodes]
    assert starts == [Fraction(n, 25) for n in (0, 30, 80, 100)]


def test_a_sample_that_lacks_a_track_is_left_out_and_counted(make, tmp_path: Path) -> None:
    made = make([Shape(frames=20), Shape(frames=20, tracks=False)])
    done = convert(made, tmp_path / "set", to="lerobot")
    assert (done.samples, done.left_out) == (1, 1)
    assert "1 left out" in done.lines()[1]


@pytest.mark.parametrize(
    "shapes",
    [[Shape(), Shape(fps=Fraction(30))], [Shape(irregular=True, fps=Fraction(25))]],
    ids=["two rates", "irregular"],
)
def test_rates_that_lerobot_cannot_tell_are_refused(make, tmp_path: Path, shapes) -> None:
    with pytest.raises(ConvertError) as failed:
        convert(make(shapes), tmp_path / "set", to="lerobot")
    assert failed.value.reason == "convert-rates"


@pytest.mark.skipif(
    PYTHON is None, reason="CURATOR_TEST_LEROBOT_PYTHON names no Python with LeRobot"
)
def test_lerobot_reads_every_frame(folder: Path, tmp_path: Path) -> None:
    script = Path(__file__).parent / "read_lerobot.py"
    done = subprocess.run(
        [str(PYTHON), str(script), str(folder), "--stand-in"],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["fps"], told["episodes"], told["cameras"]) == (25, 4, list(CAMERAS))
    frames = told["frames"]
    assert len(frames) == 141
    expected = [(n, k) for n, shape in enumerate(SHAPES) for k in range(shape.frames)]
    for got, (episode, frame) in zip(frames, expected, strict=True):
        assert (got["episode_index"], got["frame_index"]) == (episode, frame)
        assert got["timestamp"] == pytest.approx(frame / 25, abs=1e-6)
        level = (LEVEL + STEP * frame - 16) / 219
        for camera in CAMERAS:
            assert got[camera] == pytest.approx([level] * 3, abs=0.02)
        assert got["observation.state"][0] == pytest.approx(int(frame / 25 * 40 + 1e-6) / 40)
        assert got["task"].startswith("word 0")
    assert told["stats"]["observation.state"]["count"] == [141]
