"""Recorded robot datasets in LeRobot's format, made here: what every episode did is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curator.testing.footage import make_video, pan

__all__ = ["FPS", "TOP", "VERSIONS", "WRIST", "Recording", "write_dataset"]

FPS = 10
TOP, WRIST = "observation.images.top", "observation.images.wrist"
VERSIONS = ("v2.1", "v3.0")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One episode, of 10 rows and frames per second; the action is the state plus 1."""

    task: str
    state: npt.NDArray[np.float32]
    """``(n, 2)``"""
    success: bool | None = None
    """For the table of episodes."""
    reached: bool | None = None
    """For the rows' ``next.success``: true in the last row of an episode that reached its goal."""

    def __len__(self) -> int:
        return len(self.state)


def write_dataset(root: Path, version: str, episodes: Sequence[Recording]) -> None:
    """A dataset with two cameras: files for each episode (v2.1), or all in one of each kind (v3.0)."""
    (root / "meta").mkdir(parents=True)
    (_two if version == "v2.1" else _three)(root, episodes)


def _rows(episode: Recording, number: int, start: int) -> pa.Table:
    frames = np.arange(len(episode))

    def vectors(values: npt.NDArray[np.float32]) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 2)

    flag = (
        {}
        if episode.reached is None
        else {"next.success": (frames == frames[-1]) & episode.reached}
    )
    return pa.table(
        {
            "observation.state": vectors(episode.state),
            "action": vectors(episode.state + 1),
            **flag,
            "timestamp": (frames / FPS).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(len(episode), number),
            "index": frames + start,
            "task_index": np.full(len(episode), number),
        }
    )


def _features(episodes: Sequence[Recording]) -> dict[str, Any]:
    camera = {"dtype": "video", "shape": [180, 320, 3], "names": ["height", "width", "channels"]}
    numbers = {"dtype": "float32", "shape": [2], "names": ["time", "episode"]}
    own = ("frame_index", "episode_index", "index", "task_index")
    flag = {"next.success": {"dtype": "bool", "shape": [1], "names": None}}
    return {
        TOP: camera,
        WRIST: camera,
        "observation.state": numbers,
        "action": numbers,
        **(flag if episodes[0].reached is not None else {}),
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **{name: {"dtype": "int64", "shape": [1], "names": None} for name in own},
    }


def _film(path: Path, lengths: Sequence[int], seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [pan(length / FPS, seed=seed) for length in lengths]
    make_video(path, parts, fps=Fraction(FPS), size=(320, 180))


def _two(root: Path, episodes: Sequence[Recording]) -> None:
    info = {
        "codebase_version": "v2.1",
        "fps": FPS,
        "chunks_size": 1000,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": _features(episodes),
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    told = []
    for k, one in enumerate(episodes):
        row: dict[str, Any] = {"episode_index": k, "tasks": [one.task], "length": len(one)}
        told.append(row if one.success is None else {**row, "success": one.success})
    (root / "meta/episodes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    tasks = [{"task_index": k, "task": one.task} for k, one in enumerate(episodes)]
    (root / "meta/tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tasks))
    (root / "data/chunk-000").mkdir(parents=True)
    for k, one in enumerate(episodes):
        pq.write_table(_rows(one, k, 0), root / f"data/chunk-000/episode_{k:06d}.parquet")
        for number, camera in enumerate((TOP, WRIST)):
            path = root / f"videos/chunk-000/{camera}/episode_{k:06d}.mp4"
            _film(path, [len(one)], 1 + number)


def _three(root: Path, episodes: Sequence[Recording]) -> None:
    info = {
        "codebase_version": "v3.0",
        "fps": FPS,
        "chunks_size": 1000,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": _features(episodes),
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    lengths = [len(one) for one in episodes]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    zeros = [0] * len(episodes)
    told: dict[str, Any] = {
        "episode_index": list(range(len(episodes))),
        "length": lengths,
        "tasks": [[one.task] for one in episodes],
        "data/chunk_index": zeros,
        "data/file_index": zeros,
    }
    if any(one.success is not None for one in episodes):
        told["success"] = [one.success for one in episodes]
    for camera in (TOP, WRIST):
        told |= {
            f"videos/{camera}/chunk_index": zeros,
            f"videos/{camera}/file_index": zeros,
            f"videos/{camera}/from_timestamp": (starts[:-1] / FPS).tolist(),
            f"videos/{camera}/to_timestamp": (starts[1:] / FPS).tolist(),
        }
        path = root / f"videos/{camera}/chunk-000/file-000.mp4"
        _film(path, [sum(lengths)], 1 + (camera == WRIST))
    for name in ("meta/episodes/chunk-000", "data/chunk-000"):
        (root / name).mkdir(parents=True)
    pq.write_table(pa.table(told), root / "meta/episodes/chunk-000/file-000.parquet")
    texts = [one.task for one in episodes]
    tasks = pa.table({"task_index": list(range(len(texts))), "__index_level_0__": texts})
    pq.write_table(tasks, root / "meta/tasks.parquet")
    every = [_rows(one, k, int(starts[k])) for k, one in enumerate(episodes)]
    pq.write_table(pa.concat_tables(every), root / "data/chunk-000/file-000.parquet")
