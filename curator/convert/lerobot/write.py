"""A release as a LeRobotDataset v3.0: tables, videos, and the ``meta`` folder that says where all is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curator.convert.clips import Clips
from curator.convert.lerobot.episodes import MAIN_CAMERA, Episode, episodes, rate_of, vectors_of
from curator.convert.lerobot.files import (
    CHUNK_FILES,
    DATA_MB,
    DATA_PATH,
    VIDEO_MB,
    VIDEO_PATH,
    Tables,
    Videos,
)
from curator.convert.lerobot.stats import Stats, joined, picture_stats, value_stats
from curator.errors import ConvertError

__all__ = ["write_lerobot"]

_VERSION = "v3.0"
_IMAGES = "observation.images."
_INDICES = ("frame_index", "episode_index", "index", "task_index")


def write_lerobot(clips: Clips, folder: Path) -> int:
    """Write every sample that has all cameras and tracks as an episode; how many there are.

    Tracks ``state`` and ``action`` become ``observation.state`` and ``action``, others
    ``observation.NAME``: the last value at or before each frame. The caption is the task.

    Raises:
        ConvertError: ``convert-rates``, ``convert-sizes``, ``convert-no-video``, ``convert-empty``.
    """
    if not clips.has("video"):
        raise ConvertError("the release has no video", reason="convert-no-video")
    rate = rate_of(clips)
    writer: _Writer | None = None
    for episode in episodes(clips, rate):
        writer = writer or _Writer(folder, episode, rate)
        writer.add(episode)
    if writer is None:
        raise ConvertError(
            "no sample has all cameras and tracks",
            reason="convert-empty",
            hint=f"tracks: {', '.join(vectors_of(clips)) or 'none'}; cameras: "
            f"{', '.join((MAIN_CAMERA, *clips.cameras))}",
        )
    writer.close()
    return writer.count


class _Writer:
    def __init__(self, folder: Path, first: Episode, rate: Fraction) -> None:
        self._folder, self._rate = folder, rate
        self._widths = {name: values.shape[1] for name, values in first.values.items()}
        self._sizes = dict(first.sizes)
        self._tables = Tables(folder, self._schema())
        self._videos = {one: Videos(folder, _IMAGES + one, rate) for one in first.videos}
        self._tasks: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._stats: list[Mapping[str, Stats]] = []
        self._splits: list[str] = []
        self._frames = 0

    @property
    def count(self) -> int:
        return len(self._rows)

    def add(self, episode: Episode) -> None:
        task = self._tasks.setdefault(episode.task, len(self._tasks))
        columns = self._columns(episode, task)
        data = self._tables.add({name: self._array(name, held) for name, held in columns.items()})
        row = {
            "episode_index": self.count,
            "tasks": [episode.task],
            "length": episode.length,
            "data/chunk_index": data.chunk,
            "data/file_index": data.file,
            "dataset_from_index": self._frames,
            "dataset_to_index": self._frames + episode.length,
        }
        stats: dict[str, Stats] = {name: value_stats(held) for name, held in columns.items()}
        for camera, clip in episode.videos.items():
            key = _IMAGES + camera
            place, start = self._videos[camera].add(clip, episode.length)
            row |= {
                f"videos/{key}/chunk_index": place.chunk,
                f"videos/{key}/file_index": place.file,
                f"videos/{key}/from_timestamp": float(start),
                f"videos/{key}/to_timestamp": float(start + episode.length / self._rate),
            }
            stats[key] = picture_stats(clip)
        self._frames += episode.length
        self._rows.append(row)
        self._stats.append(stats)
        self._splits.append(episode.split)

    def close(self) -> None:
        self._tables.close()
        for videos in self._videos.values():
            videos.close()
        meta = self._folder / "meta"
        (meta / "episodes/chunk-000").mkdir(parents=True)
        _json(meta / "info.json", self._info())
        names = self._stats[0]
        whole = {name: joined([stats[name] for stats in self._stats]) for name in names}
        _json(meta / "stats.json", {name: _lists(stats) for name, stats in whole.items()})
        self._write_tasks(meta / "tasks.parquet")
        rows = [
            {
                **row,
                **{
                    f"stats/{name}/{stat}": value.tolist()
                    for name, held in stats.items()
                    for stat, value in held.items()
                },
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
            for row, stats in zip(self._rows, self._stats, strict=True)
        ]
        pq.write_table(pa.Table.from_pylist(rows), meta / "episodes/chunk-000/file-000.parquet")

    def _columns(self, episode: Episode, task: int) -> dict[str, Any]:
        n = episode.length
        frames = np.arange(n, dtype=np.int64)
        return {
            **episode.values,
            "timestamp": (frames / float(self._rate)).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(n, self.count, np.int64),
            "index": frames + self._frames,
            "task_index": np.full(n, task, np.int64),
        }

    def _array(self, name: str, values: Any) -> pa.Array:
        width = self._widths.get(name)
        if width is None:
            return pa.array(values)
        flat = pa.array(values.reshape(-1))
        return flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width)

    def _schema(self) -> pa.Schema:
        kinds = {
            name: pa.float32() if width == 1 else pa.list_(pa.float32(), width)
            for name, width in self._widths.items()
        }
        kinds |= {"timestamp": pa.float32()} | dict.fromkeys(_INDICES, pa.int64())
        return pa.schema(list(kinds.items()))

    def _write_tasks(self, path: Path) -> None:
        """LeRobot reads it with pandas, and the task is the index of the frame."""
        import pandas as pd

        held = {"task_index": list(self._tasks.values())}
        pd.DataFrame(held, index=pd.Index(list(self._tasks))).to_parquet(path)

    def _info(self) -> dict[str, Any]:
        fps = self._rate
        return {
            "codebase_version": _VERSION,
            "robot_type": None,
            "total_episodes": self.count,
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNK_FILES,
            "data_files_size_in_mb": DATA_MB,
            "video_files_size_in_mb": VIDEO_MB,
            "fps": int(fps) if fps.denominator == 1 else float(fps),
            "splits": _ranges(self._splits),
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": self._features(),
        }

    def _features(self) -> dict[str, Any]:
        fps = float(self._rate)
        features: dict[str, Any] = {
            _IMAGES + camera: {
                "dtype": "video",
                "shape": [height, width, 3],
                "names": ["height", "width", "channels"],
                "info": {
                    "video.height": height,
                    "video.width": width,
                    "video.codec": "h264",
                    "video.pix_fmt": "yuv420p",
                    "video.is_depth_map": False,
                    "video.fps": int(fps) if fps.is_integer() else fps,
                    "video.channels": 3,
                    "has_audio": False,
                },
            }
            for camera, (width, height) in self._sizes.items()
        }
        for name, width in self._widths.items():
            names = [f"{name.rpartition('.')[2]}_{at}" for at in range(width)]
            features[name] = {"dtype": "float32", "shape": [width], "names": names}
        features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
        for name in _INDICES:
            features[name] = {"dtype": "int64", "shape": [1], "names": None}
        return features


def _ranges(splits: Sequence[str]) -> dict[str, str]:
    """Episodes come by split: name to ``from:to``."""
    out = {}
    for name in dict.fromkeys(splits):
        first = splits.index(name)
        out[name] = f"{first}:{first + splits.count(name)}"
    return out


def _lists(stats: Stats) -> dict[str, Any]:
    return {name: value.tolist() for name, value in stats.items()}


def _json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=4) + "\n", encoding="utf-8")
