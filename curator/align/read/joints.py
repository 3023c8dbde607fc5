"""Joint positions in a table of their own, with a skeleton that the file or the recipe declares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from curator.abc.reader import Sidecar
from curator.align.read.arrays import read_arrays, scalar
from curator.align.read.bounded import invalid
from curator.align.read.columns import CSV_FIRST_ROW, numbers, read_columns, suffix
from curator.align.read.lengths import LengthUnit, UpAxis
from curator.align.read.timeline import TimeUnit, ticks_of
from curator.model.track import NANOSECOND, MotionTrack, Skeleton

__all__ = ["Joints", "skeleton_of"]

_POSITIONS = ("positions", "joints", "keypoints", "keypoints3d", "joint_positions")
_TIMES = ("timestamp", "timestamps", "time", "times", "t", "seconds")
_RATES = ("fps", "rate", "framerate", "mocap_framerate", "mocap_frame_rate")
_SEPARATORS = ("_", ".", ":", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joints:
    """Positions of joints by frame: NPZ or NPY ``(n, joints, 3)``, or CSV and Parquet with ``NAME_x`` columns.

    An NPZ may bring ``names``, ``parents`` (numbers, -1 for a root), ``fps`` or ``timestamp`` of its
    own; what the recipe says counts more. NaN (an empty cell) is a joint that was not seen.
    """

    name: ClassVar[str] = "joints"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str | None] = None

    joints: tuple[str, ...] = ()
    """Names in the file's order; the file's own unless given."""
    parents: Mapping[str, str] = field(default_factory=dict)
    """Each joint's parent by name, joints without one are roots; the file's own unless given."""
    positions: str | None = None
    """Array of an NPZ that holds the positions; by its usual names unless given."""
    time: str | None = None
    """Array or column of times; by its usual names unless given."""
    time_unit: TimeUnit = TimeUnit.s
    """What times count."""
    fps: Fraction | None = field(default=None, metadata={"unit": "fps"})
    """Frames per second, exact; the file's times or rate unless given."""
    unit: LengthUnit = LengthUnit.m
    """What positions count."""
    up: UpAxis = UpAxis.y
    """Which axis points up."""

    def read(self, file: Sidecar) -> Mapping[str, MotionTrack]:
        """The file's one skeleton; see `curator.abc.reader.TrackReader.read`."""
        if suffix(file) in {".npz", ".npy"}:
            return {"": self._from_arrays(file, read_arrays(file))}
        return {"": self._from_columns(file)}

    def _from_arrays(self, file: Sidecar, arrays: Mapping[str, npt.NDArray[Any]]) -> MotionTrack:
        wanted = (self.positions,) if self.positions else ("", *_POSITIONS)
        name = next((one for one in wanted if one in arrays), None)
        if name is None:
            raise invalid(file, f"has no array '{self.positions or _POSITIONS[0]}'")
        positions = arrays[name]
        if positions.ndim != 3 or positions.shape[2] != 3 or positions.dtype.kind not in "iuf":
            raise invalid(
                file, f"{positions.shape} is not (frames, joints, 3)", at=f"array '{name}'"
            )
        names = self.joints or _strings(arrays.get("names"))
        own = arrays.get("parents")
        own = own if own is not None and own.ndim == 1 and own.dtype.kind in "iu" else None
        skeleton = self._skeleton(file, names, None if own is None else own.tolist())
        if len(skeleton.joints) != positions.shape[1]:
            raise invalid(
                file,
                f"{positions.shape[1]} joints, {len(skeleton.joints)} names",
                hint="name them: joints: [...], and say what they hang from: parents: {...}",
            )
        time = next((one for one in self._times() if one in arrays), None)
        rate = next((arrays[one] for one in _RATES if one in arrays), None)
        fps = self.fps or (_rate(file, rate) if time is None and rate is not None else None)
        times = None if fps is not None or time is None else arrays[time]
        return self._track(file, positions, skeleton, times, fps)

    def _from_columns(self, file: Sidecar) -> MotionTrack:
        columns = read_columns(file)
        names = self.joints or tuple(dict.fromkeys(_joint(one) for one in columns if _joint(one)))
        if not names:
            raise invalid(file, "has no columns like 'hip_x', 'hip_y', 'hip_z'")
        parts = []
        for name in names:
            separator = next((s for s in _SEPARATORS if f"{name}{s}x" in columns), None)
            axes = [f"{name}{separator}{axis}" for axis in "xyz"]
            if separator is None or not set(axes) <= set(columns):
                raise invalid(file, f"joint '{name}' has no columns for x, y and z")
            parts.append(np.stack([numbers(file, one, columns[one]) for one in axes], axis=-1))
        positions = np.stack(parts, axis=1)
        time = None if self.fps else next((one for one in self._times() if one in columns), None)
        skeleton = self._skeleton(file, names, None)
        return self._track(
            file, positions, skeleton, None if time is None else columns[time], self.fps
        )

    def _times(self) -> tuple[str, ...]:
        return (self.time,) if self.time else _TIMES

    def _skeleton(self, file: Sidecar, names: Sequence[str], own: Sequence[int] | None) -> Skeleton:
        if self.parents or own is None:
            numbered = {name: number for number, name in enumerate(names)}
            unknown = {*self.parents, *self.parents.values()} - set(numbered)
            if unknown:
                raise invalid(file, f"has no joint '{min(unknown)}', which 'parents' names")
            own = [numbered[self.parents[one]] if one in self.parents else -1 for one in names]
        return skeleton_of(file, names, own, self.up)

    def _track(
        self,
        file: Sidecar,
        positions: npt.NDArray[Any],
        skeleton: Skeleton,
        times: Any,
        fps: Fraction | None,
    ) -> MotionTrack:
        if fps is not None:
            keep = ticks = np.arange(len(positions), dtype=np.int64)
        elif times is None:
            raise invalid(file, "has neither times nor a rate", hint="say fps: ...")
        elif len(times) != len(positions):
            raise invalid(file, f"{len(times)} times for {len(positions)} frames")
        else:
            named = ("line", CSV_FIRST_ROW) if suffix(file) in {".csv", ".tsv"} else ("frame", 0)
            ticks, keep = ticks_of(file, times, self.time_unit, row=named[0], first_row=named[1])
        metres = positions[keep].astype(np.float64) * self.unit.value
        return MotionTrack(
            ticks=ticks,
            time_base=NANOSECOND if fps is None else 1 / fps,
            skeleton=skeleton,
            positions=metres.astype(np.float32),
        )


def skeleton_of(
    file: Sidecar, names: Sequence[str], parents: Sequence[int], up: UpAxis
) -> Skeleton:
    """A skeleton whose parents come before their children.

    Raises:
        SourceError: ``sidecar-invalid`` when they do not, or when names repeat.
    """
    if len(names) != len(parents):
        raise invalid(file, f"{len(names)} names of joints for {len(parents)} parents")
    if len(set(names)) < len(names):
        twice, _ = Counter(names).most_common(1)[0]
        raise invalid(file, f"two joints are called '{twice}'")
    for number, parent in enumerate(parents):
        if not -1 <= parent < number:
            raise invalid(file, f"joint '{names[number]}' comes before its parent")
    return Skeleton(joints=tuple(names), parents=tuple(int(one) for one in parents), up=up.value)


def _strings(array: npt.NDArray[Any] | None) -> tuple[str, ...]:
    if array is None or array.dtype.kind not in "US":
        return ()
    return tuple(
        one.decode("utf-8", "replace") if isinstance(one, bytes) else one
        for one in array.reshape(-1).tolist()
    )


def _rate(file: Sidecar, array: npt.NDArray[Any]) -> Fraction:
    if array.size != 1 or array.dtype.kind not in "iuf" or not 0 < scalar(array) < 10**6:
        raise invalid(file, "has a rate that is no positive number")
    return Fraction(str(scalar(array)))


def _joint(column: str) -> str:
    """``hip`` for ``hip_x``, else nothing."""
    return column[:-2] if column[-1:] in "xyz" and column[-2:-1] in _SEPARATORS else ""
