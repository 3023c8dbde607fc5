"""Samples of a release as arrays: one row, one window, every track cut at the same instant."""

from __future__ import annotations

import enum
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from curator.errors import LoaderError, MediaError
from curator.loader.buffers import Buffers
from curator.loader.rows import Cell, Rows
from curator.loader.values import (
    Values,
    cut_text,
    cut_values,
    is_text,
    is_values,
    on_frames,
    values_of,
)
from curator.loader.window import (
    ClipTimes,
    Cut,
    Ints,
    Seconds,
    Window,
    beside,
    cut,
    sound_range,
    uniform_times,
)
from curator.media.clips import (
    PictureSize,
    Pixels,
    decode_pictures,
    decode_planes,
    decode_sound,
)
from curator.media.mp4 import ClipIndex, read_index
from curator.media.paint import Planes, Rgb
from curator.pack.schema import MEDIA_TYPE

__all__ = ["Begun", "Colours", "Columns", "Room", "Samples", "Wanted"]

Room: TypeAlias = Callable[[str, tuple[int, ...]], Pixels]
"""A track and a shape to an array with any content."""

_VIDEO, _CAMERA, _CHROMA = "video", "video.", "_chroma"
_TRACK = "tracks."
_MAIN_PARTS = ("values", "positions")
"""What a track is first of all: the rest goes beside it."""
_ALWAYS = ("id", "start_seconds", "end_seconds", "num_frames", "sample_rate_hz", "channels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What the shards of a release hold, by the names that samples have."""

    media: tuple[str, ...]
    values: Mapping[str, str]
    """Tracks of numbers: name to column."""
    texts: Mapping[str, str]
    """Texts with times: name to column."""
    signals: tuple[str, ...]

    @classmethod
    def of(cls, schema: pa.Schema) -> Columns:
        """Read off the types of the columns."""
        media = tuple(f.name for f in schema if f.type == MEDIA_TYPE)
        values = {_name(f.name): f.name for f in schema if is_values(f.type)}
        texts = {_name(f.name): f.name for f in schema if is_text(f.type)}
        signals = tuple(f.name for f in schema if _is_signal(f))
        return cls(media=media, values=values, texts=texts, signals=signals)

    @property
    def tracks(self) -> tuple[str, ...]:
        """Every name that can be asked for."""
        return (*self.media, *self.values, *self.texts)


class Colours(enum.Enum):
    """How pictures come."""

    rgb = "rgb"
    yuv = "yuv"
    """As they are coded, luma apart from chroma: half the bytes, and nothing is converted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of each sample is read, and how."""

    tracks: tuple[str, ...]
    on_frames: frozenset[str]
    """Tracks of numbers that are brought to the times of the frames."""
    window: Window
    size: PictureSize | None
    signals: bool
    colours: Colours = Colours.rgb


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    """The pictures of one camera."""

    cell: Cell
    index: ClipIndex

    @property
    def times(self) -> ClipTimes:
        index = self.index
        return ClipTimes(ticks=index.ticks, end_tick=index.end_tick, time_base=index.time_base)


@dataclass(frozen=True, slots=True, eq=False)
class _Pictures:
    """What is to be decoded of one camera."""

    clip: _Clip
    frames: Ints
    seconds: Seconds
    """When each of them is shown, from the window's start."""


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A window that is chosen, of which nothing is decoded yet."""

    row: int
    table: pa.Table
    place: int
    facts: Mapping[str, Any]
    window: Cut
    pictures: Mapping[str, _Pictures | None]
    """Every camera that is wanted; None where the sample does not have it."""


class Samples:
    """Reads windows. The same row, seed and epoch give the same arrays in any process."""

    def __init__(self, rows: Rows, columns: Columns, wanted: Wanted, *, seed: int) -> None:
        self.rows, self.columns, self.wanted, self.seed = rows, columns, wanted, seed
        self._buffers = Buffers()
        names = (*_ALWAYS, *(columns.signals if wanted.signals else ()))
        self._plain = tuple(name for name in names if name in rows.schema.names)
        tracks = {**columns.values, **columns.texts}
        self._nested = tuple(column for name, column in tracks.items() if name in wanted.tracks)

    def begin(self, row: int, *, epoch: int) -> Begun:
        """Choose the window of a row.

        Args:
            row: which.
            epoch: chooses the window.

        Raises:
            MediaError: ``clip-damaged`` or ``clip-unknown``, with the sample's id.
        """
        table, place = self.rows.small(row, self._nested)
        facts = self.rows.facts(row, self._plain)
        with _named(facts["id"]):
            main = self._clip(row, _VIDEO)
            times = self._times(main, facts)
            window = cut(times, self.wanted.window, self._chooser(facts["id"], epoch))
            pictures = dict(self._pictures(row, main, window))
        return Begun(row, table, place, facts, window, pictures)

    def shapes(self, begun: Begun) -> dict[str, tuple[int, ...]]:
        """The arrays that `finish` will ask room for."""
        found: dict[str, tuple[int, ...]] = {}
        for name, one in begun.pictures.items():
            if one is None:
                continue
            count, index, size = len(one.frames), one.clip.index, self.wanted.size
            if self.wanted.colours is Colours.rgb:
                found[name] = (count, *Rgb(index, size).shape)
            else:
                planes = Planes(index, size)
                found[name] = (count, *planes.shape)
                found[f"{name}{_CHROMA}"] = (count, *planes.chroma_shape)
        return found

    def finish(
        self, begun: Begun, room: Room | None = None, *, beside: bool = False
    ) -> dict[str, Any]:
        """The window as arrays, by track; what the sample does not have is None.

        Args:
            begun: by `begin`.
            room: makes the arrays for pictures; None has them made in memory that is used again.
            beside: decode in a thread of its own, ahead of painting.

        Raises:
            MediaError: ``clip-damaged``, with the sample's id.
        """
        window, facts = begun.window, begun.facts
        sample: dict[str, Any] = {"id": facts["id"], "start_seconds": float(window.start)}
        sample["seconds"] = float(window.end - window.start)
        with _named(facts["id"]):
            for name, one in begun.pictures.items():
                sample |= self._decoded(name, one, room or self._own, beside=beside)
                sample[f"{name}_seconds"] = None if one is None else one.seconds
            if "audio" in self.wanted.tracks:
                sample |= self._sound(begun.row, window, facts)
        sample |= self._tracks(begun.table, begun.place, window)
        if self.wanted.signals:
            sample["signals"] = {name: facts[name] for name in self.columns.signals}
        return sample

    def long_enough(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Rows that hold a whole window."""
        facts = self.rows.column(["start_seconds", "end_seconds", "num_frames"])
        starts, ends = (facts.column(n).to_numpy() for n in ("start_seconds", "end_seconds"))
        window = self.wanted.window
        if window.frames is not None and window.fps is None:
            frames = facts.column("num_frames").to_numpy().astype(np.float64)
            return np.flatnonzero(frames >= window.frames)
        length = window.frames / window.fps if window.frames and window.fps else window.seconds
        # The span is stored in floats, and the last frame may end past it by a tick.
        return np.flatnonzero(ends - starts >= float(length or 0) - 1e-3)

    def _own(self, _track: str, shape: tuple[int, ...]) -> Pixels:
        return self._buffers.empty(shape)

    def _pictures(
        self, row: int, main: _Clip | None, window: Cut
    ) -> Iterator[tuple[str, _Pictures | None]]:
        """Every camera that is wanted."""
        for name in self.wanted.tracks:
            clip: _Clip | None
            if name == _VIDEO:
                clip, frames, seconds = main, window.frames, window.seconds
            elif name.startswith(_CAMERA):
                clip = self._clip(row, name)
                if clip is not None:
                    frames, seconds = beside(clip.times, self.wanted.window, window)
            else:
                continue
            yield name, None if clip is None else _Pictures(clip, frames, seconds)

    def _clip(self, row: int, name: str) -> _Clip | None:
        if name not in self.columns.media:
            return None
        cell = self.rows.media(row, name)
        return None if cell is None else _Clip(cell, read_index(cell))

    def _decoded(
        self, name: str, one: _Pictures | None, room: Room, *, beside: bool
    ) -> dict[str, Any]:
        chroma = f"{name}{_CHROMA}"
        rgb = self.wanted.colours is Colours.rgb
        names = (name,) if rgb else (name, chroma, f"{name}_to_rgb")
        if one is None:
            return dict.fromkeys(names)
        index, cell, frames, size = one.clip.index, one.clip.cell, one.frames, self.wanted.size
        own, other = partial(room, name), partial(room, chroma)
        if rgb:
            made = decode_pictures(index, cell, frames, size=size, room=own, beside=beside)
            return {name: made}
        planes = decode_planes(
            index, cell, frames, size=size, room=own, chroma_room=other, beside=beside
        )
        return dict(zip(names, planes, strict=True))

    def _times(self, clip: _Clip | None, facts: Mapping[str, Any]) -> ClipTimes:
        if clip is not None:
            return clip.times
        if self.wanted.window.frames is not None and self.wanted.window.fps is None:
            raise LoaderError(
                f"sample {facts['id']} has no pictures to count",
                reason="window-frames",
                hint="say how long the window is: window_seconds=2",
            )
        length = Fraction(facts["end_seconds"] - facts["start_seconds"]).limit_denominator(10**6)
        return uniform_times(length, self.wanted.window.fps)

    def _chooser(self, sample_id: str, epoch: int) -> Callable[[int], int]:
        """A number below n that depends on the seed, the epoch and the sample alone."""
        seeds = [self.seed, epoch, zlib.crc32(sample_id.encode())]
        return lambda count: int(np.random.default_rng(seeds).integers(count))

    def _sound(self, row: int, window: Cut, facts: Mapping[str, Any]) -> dict[str, Any]:
        cell = self.rows.media(row, "audio")
        if cell is None:
            return {"audio": None, "audio_rate_hz": None}
        start, count = sound_range(window, facts["sample_rate_hz"])
        samples, info = decode_sound(cell.all(), start, count)
        if info.sample_rate_hz != facts["sample_rate_hz"]:
            raise MediaError(
                "the sound has another rate than the table says", reason="clip-damaged"
            )
        return {"audio": samples, "audio_rate_hz": info.sample_rate_hz}

    def _tracks(self, table: pa.Table, place: int, window: Cut) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in self.wanted.tracks:
            if name in self.columns.texts:
                found[name] = cut_text(table.column(self.columns.texts[name]), place, window)
            elif name in self.columns.values:
                track = values_of(table.column(self.columns.values[name]), place)
                found |= self._numbers(name, track, window)
        return found

    def _numbers(self, name: str, track: Values | None, window: Cut) -> dict[str, Any]:
        """A track under its name, what it has beside as ``NAME_PART``, and its times."""
        framed = name in self.wanted.on_frames
        if track is not None:
            track = (on_frames if framed else cut_values)(track, window)
        kind = self.rows.schema.field(self.columns.values[name]).type
        parts = [part.name for part in kind if part.name != "seconds"]
        keys = [name if part in _MAIN_PARTS else f"{name}_{part}" for part in parts]
        found: dict[str, Any] = {
            key: None if track is None else track.parts[part]
            for key, part in zip(keys, parts, strict=True)
        }
        return (
            found
            if framed
            else found | {f"{name}_seconds": None if track is None else track.seconds}
        )


@contextmanager
def _named(sample_id: str) -> Iterator[None]:
    """Errors of a clip say whose it is."""
    try:
        yield
    except MediaError as error:
        raise MediaError(
            f"sample {sample_id}: {error.message}", reason=error.reason, hint=error.hint
        ) from error


def choose(columns: Columns, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The tracks to read: all of a release, or those that are named.

    Raises:
        LoaderError: ``track-unknown``.
    """
    if wanted is None:
        return columns.tracks
    unknown = [name for name in wanted if name not in columns.tracks]
    if unknown:
        raise LoaderError(
            f"the release has no track '{unknown[0]}'",
            reason="track-unknown",
            hint=f"it has {', '.join(columns.tracks)}",
        )
    return tuple(dict.fromkeys(wanted))


def _name(column: str) -> str:
    return column.removeprefix(_TRACK)


def _is_signal(field: pa.Field) -> bool:
    """Signals are called ``measure.signal``; no other plain column has a dot in its name."""
    plain = pa.types.is_floating(field.type) or pa.types.is_string(field.type)
    return plain and "." in field.name and not field.name.startswith(_TRACK)
