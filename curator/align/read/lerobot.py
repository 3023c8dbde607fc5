"""Datasets in LeRobot's format, versions 2.x and 3.0: which episode is where, and its numbers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curator.abc.reader import Sidecar
from curator.align.read.bounded import DATA_BYTES, check_size, invalid
from curator.align.read.documents import read_document, read_rows

__all__ = ["SUCCESS", "Dataset", "Episode", "VideoPart", "open_dataset"]

SUCCESS = ("next.success", "success", "is_success", "is_episode_successful")
"""Names under which datasets say that an episode reached its goal: LeRobot's own for simulations first;
the last is that of DROID. As a feature of the rows it may be true in the last one alone."""
_FIELD = re.compile(r"\{(\w+)(?::0?(\d{1,2})d)?\}")
_INFO = PurePosixPath("meta/info.json")
_MOST_LEVELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPart:
    """Where one camera saw one episode."""

    path: str
    """Of the video, below the dataset's folder."""
    start_seconds: Fraction
    """Of the episode's first frame in that video; later than 0 where episodes share a file (v3)."""
    end_seconds: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One recording."""

    index: int
    length: int
    """Frames."""
    tasks: tuple[str, ...]
    data_path: str
    """Of the table that holds its rows, below the dataset's folder."""
    videos: Mapping[str, VideoPart]
    """By camera: ``observation.images.top``."""
    success: bool | None = None
    """Whether it reached its goal, where the table of episodes says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What the ``meta`` folder says."""

    root: Path
    version: str
    """``v2.1``, ``v3.0``."""
    fps: Fraction
    features: Mapping[str, Mapping[str, Any]]
    tasks: Mapping[int, str]
    episodes: tuple[Episode, ...]
    robot: str | None = field(default=None)

    def inside(self, path: str) -> Sidecar:
        """A file of the dataset.

        Raises:
            SourceError: ``sidecar-invalid`` for a path that leads out of its folder.
        """
        return _inside(self.root, path)

    def of_video(self, address: str) -> tuple[tuple[Episode, VideoPart], ...]:
        """The episodes that a video shows, in its order; told by the end of its address."""
        given = PurePosixPath(address).parts
        found = [
            (episode, part)
            for episode in self.episodes
            for part in episode.videos.values()
            if given[-len(PurePosixPath(part.path).parts) :] == PurePosixPath(part.path).parts
        ]
        return tuple(sorted(found, key=lambda one: one[1].start_seconds))


def open_dataset(file: Sidecar) -> Dataset:
    """The dataset that a folder, or any file inside it, belongs to.

    Raises:
        SourceError: ``sidecar-invalid``: no dataset, an unknown version, or damaged metadata.
    """
    root = _root(file)
    about = _inside(root, str(_INFO))
    info = read_document(about)
    if not isinstance(info, Mapping) or not isinstance(info.get("features"), Mapping):
        raise invalid(about, "has no 'features'")
    version = str(info.get("codebase_version", ""))
    read = {"v2": _Two, "v3": _Three}.get(version.split(".")[0])
    if read is None:
        raise invalid(about, f"version '{version[:20]}' is none of v2.0, v2.1 and v3.0")
    fps = info.get("fps")
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < 10**6:
        raise invalid(about, "'fps' is no rate")
    layout = read(root, about, info, Fraction(str(fps)))
    return Dataset(
        root=root,
        version=version,
        fps=layout.fps,
        features=_features(about, info["features"]),
        tasks=layout.tasks(),
        episodes=tuple(sorted(layout.episodes(), key=lambda episode: episode.index)),
        robot=info["robot_type"] if isinstance(info.get("robot_type"), str) else None,
    )


def _root(file: Sidecar) -> Path:
    folder = file.path
    for _ in range(_MOST_LEVELS):
        if (folder / _INFO).is_file():
            return folder
        if folder.parent == folder:
            break
        folder = folder.parent
    raise invalid(file, f"no LeRobot dataset: there is no {_INFO} in its folder or above")


def _inside(root: Path, path: str) -> Sidecar:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path or "\0" in path:
        inside = Sidecar(path=root, name=str(_INFO))
        raise invalid(inside, f"'{path[:80]}' leads out of the dataset")
    return Sidecar(path=root / parts, name=f"{root.name}/{path}")


def _features(about: Sidecar, given: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    for name, feature in given.items():
        if not isinstance(feature, Mapping) or not isinstance(feature.get("dtype"), str):
            raise invalid(about, f"feature '{name}' has no 'dtype'")
    return given


class _Layout(ABC):
    """What the versions have in common."""

    @abstractmethod
    def tasks(self) -> dict[int, str]:
        """Instructions by number."""

    @abstractmethod
    def episodes(self) -> list[Episode]:
        """All of them, in any order."""

    def __init__(self, root: Path, about: Sidecar, info: Mapping[str, Any], fps: Fraction) -> None:
        self.root, self.about, self.info, self.fps = root, about, info, fps
        self.cameras = [
            name
            for name, feature in info["features"].items()
            if isinstance(feature, Mapping) and feature.get("dtype") == "video"
        ]

    def filled(self, name: str, values: Mapping[str, Any]) -> str:
        """A path of the info file with its numbers filled in.

        Not `str.format`: the file comes from strangers, who could ask for attributes or for a
        number of a billion digits.
        """
        template = self.info.get(name)
        if not isinstance(template, str):
            raise invalid(self.about, f"has no '{name}'")

        def fill(match: re.Match[str]) -> str:
            value = values.get(match[1])
            if value is None:
                raise invalid(self.about, f"'{name}' asks for an unknown '{match[1]}'")
            return f"{value:0{int(match[2])}d}" if match[2] else str(value)

        path = _FIELD.sub(fill, template)
        if "{" in path:
            raise invalid(self.about, f"'{name}' cannot be filled in: {template[:80]}")
        return path

    def whole(self, row: Mapping[str, Any], name: str, where: Sidecar, at: str) -> int:
        """A number that is none below 0."""
        value = row.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise invalid(where, f"'{name}' is no number from 0 on", at=at)
        return value


class _Two(_Layout):
    """v2.x: a table and a video for each episode."""

    def tasks(self) -> dict[int, str]:
        held = _inside(self.root, "meta/tasks.jsonl")
        out = {}
        for at, row in read_rows(held):
            if not isinstance(row, Mapping) or not isinstance(row.get("task"), str):
                raise invalid(held, "has no 'task'", at=at)
            out[self.whole(row, "task_index", held, at)] = row["task"]
        return out

    def episodes(self) -> list[Episode]:
        held = _inside(self.root, "meta/episodes.jsonl")
        size = self.info.get("chunks_size")
        size = size if isinstance(size, int) and size > 0 else 1000
        out = []
        for at, row in read_rows(held):
            if not isinstance(row, Mapping):
                raise invalid(held, "is no object", at=at)
            index, length = (self.whole(row, n, held, at) for n in ("episode_index", "length"))
            where = {"episode_index": index, "episode_chunk": index // size}
            end = length / self.fps
            out.append(
                Episode(
                    index=index,
                    length=length,
                    tasks=_strings(row.get("tasks")),
                    success=_success(row),
                    data_path=self.filled("data_path", where),
                    videos={
                        camera: VideoPart(
                            path=self.filled("video_path", {**where, "video_key": camera}),
                            start_seconds=Fraction(0),
                            end_seconds=end,
                        )
                        for camera in self.cameras
                    },
                )
            )
        return out


class _Three(_Layout):
    """v3.0: tables and videos of many episodes, and a table that says where each one is."""

    def tasks(self) -> dict[int, str]:
        held = _inside(self.root, "meta/tasks.parquet")
        # The text is pandas' index, whatever it is called there.
        rows = _rows(held, None)
        out = {}
        for number, row in enumerate(rows):
            texts = [value for value in row.values() if isinstance(value, str)]
            if len(texts) != 1:
                raise invalid(held, "has not one text", at=f"row {number}")
            out[self.whole(row, "task_index", held, f"row {number}")] = texts[0]
        return out

    def episodes(self) -> list[Episode]:
        tables = sorted((self.root / "meta" / "episodes").glob("chunk-*/file-*.parquet"))
        if not tables:
            raise invalid(self.about, "there is no meta/episodes/chunk-*/file-*.parquet")
        wanted = ["episode_index", "length", "tasks", "data/chunk_index", "data/file_index"]
        wanted += SUCCESS
        for camera in self.cameras:
            wanted += [f"videos/{camera}/{name}" for name in _WHERE]
        out = []
        for table in tables:
            held = _inside(self.root, table.relative_to(self.root).as_posix())
            for number, row in enumerate(_rows(held, wanted)):
                out.append(self._episode(held, row, f"row {number}"))
        return out

    def _episode(self, held: Sidecar, row: Mapping[str, Any], at: str) -> Episode:
        where = {name: self.whole(row, f"data/{name}", held, at) for name in _WHERE[:2]}
        return Episode(
            index=self.whole(row, "episode_index", held, at),
            length=self.whole(row, "length", held, at),
            tasks=_strings(row.get("tasks")),
            success=_success(row),
            data_path=self.filled("data_path", where),
            videos={camera: self._part(held, row, camera, at) for camera in self.cameras},
        )

    def _part(self, held: Sidecar, row: Mapping[str, Any], camera: str, at: str) -> VideoPart:
        prefix = f"videos/{camera}/"
        where = {name: self.whole(row, prefix + name, held, at) for name in _WHERE[:2]}
        start, end = (self._instant(row.get(prefix + name), held, at) for name in _WHERE[2:])
        return VideoPart(
            path=self.filled("video_path", {**where, "video_key": camera}),
            start_seconds=start,
            end_seconds=end,
        )

    def _instant(self, value: Any, held: Sidecar, at: str) -> Fraction:
        """A float of seconds as the frame's exact time, if it is a frame's time."""
        if not isinstance(value, float) or not 0 <= value < 10**8:
            raise invalid(held, f"{value!r:.40} is no time in a video", at=at)
        frame = round(Fraction(value) * self.fps) / self.fps
        return frame if abs(frame - Fraction(value)) <= TOLERANCE_SECONDS else Fraction(str(value))


TOLERANCE_SECONDS = Fraction(1, 10**4)
"""How far LeRobot lets a time stamp be from its frame's time."""
_WHERE = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")


def _rows(held: Sidecar, wanted: Sequence[str] | None) -> list[dict[str, Any]]:
    check_size(held)
    try:
        with pq.ParquetFile(held.path) as opened:
            total = sum(
                opened.metadata.row_group(k).total_byte_size
                for k in range(opened.metadata.num_row_groups)
            )
            if total > DATA_BYTES:
                raise invalid(held, f"{total} bytes when unpacked, at most {DATA_BYTES} are read")
            names = [one for one in wanted or () if one in opened.schema_arrow.names]
            table = opened.read(columns=names if wanted is not None else None, use_threads=False)
            rows: list[dict[str, Any]] = table.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise invalid(held, f"no Parquet that can be read: {error}") from error
    return rows


def _success(row: Mapping[str, Any]) -> bool | None:
    """The first name that is there, as true, false, 1 or 0; anything else is not known."""
    given = next((row[name] for name in SUCCESS if row.get(name) is not None), None)
    return bool(given) if isinstance(given, bool | int | float) and given in (0, 1) else None


def _strings(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(one for one in listed if isinstance(one, str))
