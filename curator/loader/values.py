"""Tracks of a sample as arrays: out of Arrow's nested columns, cut to a window, on the window's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curator.errors import LoaderError
from curator.loader.window import Cut

__all__ = [
    "Spoken",
    "Values",
    "cut_text",
    "cut_values",
    "is_text",
    "is_values",
    "on_frames",
    "values_of",
]

Floats: TypeAlias = npt.NDArray[np.float32]
Spoken: TypeAlias = tuple[float, float, str]
"""Start and end in seconds from the window's start, and what is said or true between them."""

_TEXT_FIELDS = ("start_seconds", "end_seconds", "text")


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """A track of numbers."""

    seconds: npt.NDArray[np.float64]
    """``(n,)`` ascending, from the clip's start."""
    parts: Mapping[str, Floats | None]
    """``(n, ...)`` each: ``values``, or ``positions`` and ``rotations``; None for what the track lacks."""


def is_values(kind: pa.DataType) -> bool:
    """Whether a column holds tracks of numbers: their times, and lists beside them."""
    if not pa.types.is_struct(kind):
        return False
    parts = {part.name: part.type for part in kind}
    return "seconds" in parts and len(parts) > 1 and all(map(pa.types.is_list, parts.values()))


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds texts with their times."""
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    item = kind.value_type
    return pa.types.is_struct(item) and {part.name for part in item} >= set(_TEXT_FIELDS)


def values_of(column: pa.ChunkedArray, row: int) -> Values | None:
    """One row of a column of tracks; None for null.

    Raises:
        LoaderError: ``track-ragged`` when values have different shapes.
    """
    [cell] = column.slice(row, 1).chunks
    if cell.null_count:
        return None
    parts = {part.name: cell.field(part.name)[0] for part in cell.type}
    seconds = parts.pop("seconds").values.to_numpy(zero_copy_only=False).astype(np.float64)
    read = {n: _numbers(p.values) if p.is_valid else None for n, p in parts.items()}
    if any(part is not None and len(part) != len(seconds) for part in read.values()):
        raise _ragged()
    return Values(seconds, read)


def cut_values(track: Values, cut: Cut) -> Values:
    """The values with times in the window; times count from its start."""
    start, end = float(cut.start), float(cut.end)
    # Seconds are floats of exact times: one that should lie on the border may be off in its last digit.
    low, high = np.searchsorted(track.seconds, [start - 1e-9, end - 1e-9])
    parts = {name: None if p is None else p[low:high] for name, p in track.parts.items()}
    return Values(track.seconds[low:high] - start, parts)


def on_frames(track: Values, cut: Cut) -> Values:
    """For each frame of the window the last value at or before it; before the first value, the first.

    An empty track stays empty.
    """
    if not len(track.seconds):
        return track
    instants = float(cut.start) + cut.seconds
    last = np.searchsorted(track.seconds, instants + 1e-9, side="right") - 1
    taken = np.maximum(last, 0)
    parts = {name: None if p is None else p[taken] for name, p in track.parts.items()}
    return Values(cut.seconds, parts)


def cut_text(column: pa.ChunkedArray, row: int, cut: Cut) -> list[Spoken] | None:
    """Texts that overlap the window, with their own times, from its start on; None for null."""
    told = column[row].as_py()
    if told is None:
        return None
    start, end = float(cut.start), float(cut.end)
    entries = [tuple(entry[name] for name in _TEXT_FIELDS) for entry in told]
    return [(a - start, b - start, text) for a, b, text in entries if a < end and b > start]


def _numbers(values: pa.Array) -> Floats:
    """Nested lists of one shape as an array."""
    shape = [len(values)]
    while pa.types.is_list(values.type):
        lengths = np.diff(values.offsets.to_numpy())
        if len(lengths) and (lengths != lengths[0]).any():
            raise _ragged()
        shape.append(int(lengths[0]) if len(lengths) else 0)
        values = values.flatten()
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float32).reshape(shape)


def _ragged() -> LoaderError:
    return LoaderError(
        "values of a track have different shapes",
        reason="track-ragged",
        hint="load the release without this track: tracks=[...]",
    )
