"""State, action and instruction of a LeRobot dataset's episodes, on the clock of their video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid
from curator.align.read.columns import Column, read_columns
from curator.align.read.lerobot import (
    SUCCESS,
    TOLERANCE_SECONDS,
    Dataset,
    Episode,
    open_dataset,
)
from curator.model.series import Series
from curator.model.span import Span
from curator.model.track import NANOSECOND, Between, Cue, NumberTrack, TextTrack, Track

__all__ = ["LeRobot"]

_OWN = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index"})
_PREFIX = "observation."
_COMMANDS = "action"
_NUMBERS = ("float", "int", "uint", "bool")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One episode's rows."""

    episode: Episode
    start: Fraction
    """Seconds of its first frame on the track's clock."""
    columns: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeRobot:
    """A LeRobot dataset's folder (v2.0, v2.1, v3.0): a track for each feature of numbers, and ``task``.

    Features lose their ``observation.``: ``state``, ``action``, ``environment_state``. Which
    episodes are read: `episode`; else those that the video shows, told by the end of its address
    (``videos/...``), at their times in that file (v3 puts many into one); else the only one.
    ``success`` is 1 or 0 all through an episode, where a feature of that meaning is true in any of its
    rows or the table of episodes says it (`SUCCESS`); there is no such track when nothing does.
    Row times must be those of the frames, ``frame_index / fps``, within LeRobot's own 1e-4 s.

    No library: lerobot pins versions of torch, av and datasets that exclude ours. Layout: LeRobot's
    ``lerobot_dataset.py`` and the real writer's output (0.4.4).
    """

    name: ClassVar[str] = "lerobot"
    version: ClassVar[int] = 2
    suffixes: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str | None] = None

    episode: int | None = None
    """Number of the episode, whose first frame is time 0; the video's unless given."""
    features: tuple[str, ...] = ()
    """Features to be read, by their full names; every one of numbers unless given."""
    between: Mapping[str, Between] = field(default_factory=dict)
    """What values are between frames, by feature: actions hold, numbers that are whole or true hold, others go straight."""

    def read(self, file: Sidecar) -> Mapping[str, Track]:
        """Tracks by feature, and ``task``; see `curator.abc.reader.TrackReader.read`."""
        dataset = open_dataset(file)
        names = self._names(file, dataset)
        flags = [one for one in SUCCESS if one in dataset.features]
        parts = list(_parts(dataset, self._meant(file, dataset), names, flags))
        if not parts:
            raise invalid(file, "no episode to read")
        ticks, base = _clock(dataset, parts)
        tracks: dict[str, Track] = {
            name.removeprefix(_PREFIX): self._numbers(file, dataset, name, parts, ticks, base)
            for name in names
        }
        success = _success(parts, flags)
        if success is not None:
            tracks["success"] = NumberTrack(
                series=Series(ticks, base, success), between=(Between.hold,)
            )
        tracks["task"] = TextTrack(cues=tuple(_cues(dataset, parts)))
        return tracks

    def _names(self, file: Sidecar, dataset: Dataset) -> list[str]:
        usable = [
            name
            for name, feature in dataset.features.items()
            if name not in _OWN and feature["dtype"].startswith(_NUMBERS)
        ]
        missing = [name for name in self.features if name not in usable]
        if missing:
            hint = f"features of numbers: {', '.join(usable)}"
            raise invalid(file, f"has no feature of numbers '{missing[0]}'", hint=hint)
        return list(self.features) or usable

    def _meant(self, file: Sidecar, dataset: Dataset) -> list[tuple[Episode, Fraction]]:
        if self.episode is not None:
            found = [one for one in dataset.episodes if one.index == self.episode]
            if not found:
                raise invalid(file, f"has no episode {self.episode}")
            return [(found[0], Fraction(0))]
        if file.video is not None:
            shown = dataset.of_video(file.video)
            if shown:
                return [(episode, part.start_seconds) for episode, part in shown]
            raise invalid(file, f"has no video '{file.video[-120:]}'")
        if len(dataset.episodes) != 1:
            message = f"has {len(dataset.episodes)} episodes"
            raise invalid(file, message, hint="say which: episode: ...")
        return [(dataset.episodes[0], Fraction(0))]

    def _numbers(
        self,
        file: Sidecar,
        dataset: Dataset,
        name: str,
        parts: Sequence[_Part],
        ticks: npt.NDArray[np.int64],
        base: Fraction,
    ) -> NumberTrack:
        found = [part.columns[name] for part in parts]
        if len({one.shape[1:] for one in found}) > 1:
            raise invalid(file, f"'{name}' has other shapes in other files")
        values = np.concatenate(found)
        if values.ndim == 1:
            values = values[:, None]
        kind = dataset.features[name]["dtype"]
        held = name.startswith(_COMMANDS) or not kind.startswith("float")
        between = self.between.get(name, Between.hold if held else Between.linear)
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float64)
        return NumberTrack(
            series=Series(ticks, base, values),
            fields=_fields(dataset.features[name].get("names"), values.shape[-1]),
            between=(between,),
        )


def _parts(
    dataset: Dataset,
    meant: Sequence[tuple[Episode, Fraction]],
    names: Sequence[str],
    flags: Sequence[str],
) -> Iterator[_Part]:
    """The rows of each episode; a table of many is read once for those that follow each other."""
    wanted = {*names, *flags, *_OWN}
    for path, group in groupby(meant, key=lambda one: one[0].data_path):
        table = dataset.inside(path)
        columns = read_columns(table, wanted)
        missing = [one for one in (*names, *sorted(_OWN)) if one not in columns]
        if missing:
            raise invalid(table, f"has no column of numbers '{missing[0]}'")
        for episode, start in group:
            yield _part(table, columns, dataset, episode, start)


def _part(
    table: Sidecar,
    columns: Mapping[str, Column],
    dataset: Dataset,
    episode: Episode,
    start: Fraction,
) -> _Part:
    held = {name: np.asarray(column) for name, column in columns.items()}
    rows = np.flatnonzero(held["episode_index"] == episode.index)
    at = f"episode {episode.index}"
    if len(rows) != episode.length:
        raise invalid(table, f"{len(rows)} rows, its length is {episode.length}", at=at)
    own = {name: column[rows] for name, column in held.items()}
    if not np.array_equal(own["frame_index"], np.arange(len(rows))):
        raise invalid(table, "'frame_index' does not count from 0", at=at)
    due = np.arange(len(rows)) / float(dataset.fps)
    off = np.abs(own["timestamp"].astype(np.float64) - due)
    # What 32 bits cannot hold is no fault of the recording.
    allowed = float(TOLERANCE_SECONDS) + np.spacing(due.astype(np.float32)).astype(np.float64)
    if not (off <= allowed).all():
        row = int(rows[np.argmin(off <= allowed)])
        message = f"'timestamp' is not frame_index / {dataset.fps} within 1e-4 s"
        raise invalid(table, message, at=f"row {row} ({at})")
    return _Part(episode=episode, start=start, columns=own)


def _clock(dataset: Dataset, parts: Sequence[_Part]) -> tuple[npt.NDArray[np.int64], Fraction]:
    """Ticks of every row: frames where all episodes begin on one, else nanoseconds."""
    base = 1 / dataset.fps
    if any((part.start / base).denominator != 1 for part in parts):
        base = NANOSECOND
    out = []
    for part in parts:
        seconds = [part.start + frame / dataset.fps for frame in range(part.episode.length)]
        out.append(np.array([round(one / base) for one in seconds], dtype=np.int64))
    ticks = np.concatenate(out)
    if (np.diff(ticks) <= 0).any():
        at = f"episode {max(parts, key=lambda part: part.start).episode.index} or before"
        raise invalid(dataset.inside("meta"), "episodes overlap in their video", at=at)
    return ticks, base


def _success(parts: Sequence[_Part], flags: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """``(n, 1)`` for all rows, NaN in episodes of which nothing says it; None when nothing does of any."""
    told: list[float] = []
    for part in parts:
        held = next((part.columns[name] for name in flags if name in part.columns), None)
        if held is not None:
            numbers = held.astype(np.float64)
            known = numbers[~np.isnan(numbers)]
            said = float(known.any()) if known.size else np.nan
        else:
            said = np.nan if part.episode.success is None else float(part.episode.success)
        told.append(said)
    if np.isnan(told).all():
        return None
    return np.repeat(told, [part.episode.length for part in parts])[:, None]


def _cues(dataset: Dataset, parts: Sequence[_Part]) -> Iterator[Cue]:
    """The instruction of each run of frames that have one in common."""
    for part in parts:
        numbers = part.columns["task_index"].tolist()
        first = 0
        for number, group in groupby(numbers):
            last = first + len(list(group))
            text = dataset.tasks.get(int(number)) or next(iter(part.episode.tasks), "")
            start, end = (part.start + frame / dataset.fps for frame in (first, last))
            if text.strip():
                yield Cue(span=Span(start, end), text=text.strip())
            first = last


def _fields(names: Any, width: int) -> tuple[str, ...]:
    """Names as a list, or as LeRobot's ``{"motors": [...]}``."""
    if isinstance(names, Mapping) and len(names) == 1:
        names = next(iter(names.values()))
    fits = isinstance(names, list) and len(names) == width
    return tuple(str(name) for name in names) if fits else ()
