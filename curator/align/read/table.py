"""Numbers in rows: robot state and action, sensors, anything that was logged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid
from curator.align.read.columns import CSV_FIRST_ROW, Column, numbers, read_columns, suffix
from curator.align.read.timeline import TimeUnit, ticks_of
from curator.model.series import Series
from curator.model.track import NANOSECOND, Between, NumberTrack

__all__ = ["Table", "assembled", "is_text"]

_TIMES = ("timestamp", "time", "timestamps", "time_seconds", "t", "seconds")
_NUMBERING = frozenset({"index", "frame_index", "frame", "episode_index", "task_index"})
"""Counters that tables of episodes carry beside their numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Parquet, CSV, HDF5 and NPZ: columns of numbers by row, as tracks of named fields.

    A column holds one number for each row or several (a list column, a 2-D array). Without
    `tracks`, a column with several is a track of its own; columns of one number are a track
    together. Empty cells are NaN and stay gaps. Of rows at the same time the last one counts; rows
    that go back in time are an error.

    Libraries: pyarrow (Parquet), h5py (HDF5), NumPy (NPZ, never with pickle). CSV is read by
    Python's own parser, which knows the line of a mistake.
    """

    name: ClassVar[str] = "table"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".csv", ".tsv", ".h5", ".hdf5", ".npz")
    extra: ClassVar[str | None] = None

    time: str | None = None
    """Column of the rows' times; ``timestamp``, ``time``, ``t`` or ``seconds`` unless given."""
    unit: TimeUnit = TimeUnit.s
    """What it counts; columns of dates count ns."""
    fps: Fraction | None = field(default=None, metadata={"unit": "fps"})
    """Rows per second, exact; then columns of times are left out."""
    from_first: bool = False
    """Whether times count from the first row, as for times of day; else their zero is the video's."""
    tracks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns by name of the track that they make up, side by side."""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the numbers in a column that has several."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Units by field, column or track."""
    between: Mapping[str, Between] = field(default_factory=dict)
    """What a value is between two rows, by field, column or track: linear unless given."""

    def read(self, file: Sidecar) -> Mapping[str, NumberTrack]:
        """The tracks by name; see `curator.abc.reader.TrackReader.read`."""
        wanted = None
        if self.tracks:
            wanted = {one for group in self.tracks.values() for one in group}
            wanted |= {self.time} if self.time else set(_TIMES)
        columns = dict(read_columns(file, wanted))
        time = None if self.fps else self._time_column(file, columns)
        times = columns.pop(time) if time is not None else None
        chosen = self._chosen(file, columns)
        made = {
            name: assembled(file, {one: columns[one] for one in group}, name, self)
            for name, group in chosen.items()
        }
        rows = {len(values) for values, *_ in made.values()}
        if len(rows) != 1 or (times is not None and len(times) not in rows):
            raise invalid(file, f"columns are not equally long: {sorted(rows)}")
        ticks, keep, base = self._clock(file, times, rows.pop())
        return {
            name: NumberTrack(
                series=Series(ticks, base, values[keep]),
                fields=names,
                units=units,
                between=between,
            )
            for name, (values, names, units, between) in made.items()
        }

    def _time_column(self, file: Sidecar, columns: Mapping[str, Column]) -> str:
        names = (self.time,) if self.time else _TIMES
        found = next((name for name in names if name in columns), None)
        if found is None:
            have = ", ".join(list(columns)[:20]) or "none"
            what = f"no column '{self.time}'" if self.time else "no column of times"
            hint = f"say which it is (time: ...), or fps: ...; columns of numbers: {have}"
            raise invalid(file, what, hint=hint)
        return found

    def _chosen(self, file: Sidecar, columns: Mapping[str, Column]) -> dict[str, tuple[str, ...]]:
        """Columns by track."""
        missing = [one for group in self.tracks.values() for one in group if one not in columns]
        if missing:
            raise invalid(file, f"no column of numbers is called '{missing[0]}'")
        if self.tracks:
            return dict(self.tracks)
        aside = {*_NUMBERING, *(_TIMES if self.fps else ())}
        usable = [name for name in columns if name not in aside]
        wide = [name for name in usable if not is_text(columns[name]) and _ndim(columns[name]) > 1]
        single = tuple(name for name in usable if name not in wide)
        if not usable:
            raise invalid(file, "holds no numbers")
        if not wide:
            return {"": single}
        if len(usable) == 1:
            return {"": (usable[0],)}
        return {**{name: (name,) for name in wide}, **{name: (name,) for name in single}}

    def _clock(
        self, file: Sidecar, times: Column | None, count: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Fraction]:
        if times is None:
            assert self.fps is not None, "else there is a column of times"
            rows = np.arange(count, dtype=np.int64)
            return rows, rows, 1 / self.fps
        row, first = ("line", CSV_FIRST_ROW) if suffix(file) in {".csv", ".tsv"} else ("row", 0)
        ticks, keep = ticks_of(
            file, times, self.unit, from_first=self.from_first, row=row, first_row=first
        )
        return ticks, keep, NANOSECOND


def is_text(column: Column) -> bool:
    """Whether a column is the text of a CSV file."""
    return not isinstance(column, np.ndarray)


def assembled(
    file: Sidecar, columns: Mapping[str, Column], track: str, settings: Any
) -> tuple[npt.NDArray[Any], tuple[str, ...], tuple[str, ...], tuple[Between, ...]]:
    """Columns side by side: values, field names, units, and what they are between rows.

    `settings` has `fields`, `units` and `between` by name.
    """
    parts: list[npt.NDArray[Any]] = []
    names: list[str] = []
    keys: list[tuple[str, str, str, bool]] = []
    for name, column in columns.items():
        values = numbers(file, name, column)
        flat = values[:, None] if values.ndim == 1 else values
        if len(columns) > 1 and flat.ndim > 2:
            raise invalid(file, f"'{name}' has {flat.ndim - 1} dimensions: make it a track alone")
        if len({one.shape[0] for one in (*parts, flat)}) > 1:
            raise invalid(file, f"'{name}' has {len(flat)} rows, others have {len(parts[0])}")
        given = settings.fields.get(name)
        width = flat.shape[-1]
        if given is not None and len(given) != width:
            raise invalid(file, f"'{name}' has {width} values, {len(given)} names are given")
        own = list(given or ([name] if width == 1 else [f"{name}.{k}" for k in range(width)]))
        parts.append(flat)
        names += own
        held = isinstance(column, np.ndarray) and column.dtype == np.bool_
        keys += [(one, name, track, held) for one in own]
    values = np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
    return values, tuple(names), _units(keys, settings), _between(keys, settings)


def _units(keys: Sequence[tuple[str, str, str, bool]], settings: Any) -> tuple[str, ...]:
    found = [_first(key[:3], settings.units) for key in keys]
    return tuple(unit or "1" for unit in found) if any(found) else ()


def _between(keys: Sequence[tuple[str, str, str, bool]], settings: Any) -> tuple[Between, ...]:
    return tuple(
        _first(key[:3], settings.between) or (Between.hold if key[3] else Between.linear)
        for key in keys
    )


def _first(names: Iterable[str], given: Mapping[str, Any]) -> Any:
    return next((given[name] for name in names if name in given), None)


def _ndim(column: Column) -> int:
    return column.ndim if isinstance(column, np.ndarray) else 1
