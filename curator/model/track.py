"""Tracks: what goes with a video, as time-stamped values on the track's own clock.

A sidecar or a stream gives one or more of these. Which instant of the video a time stamp means is
not decided here (`curator.align.clock`).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.span import Span

__all__ = [
    "NANOSECOND",
    "Between",
    "Cue",
    "MotionTrack",
    "NumberTrack",
    "Skeleton",
    "TextTrack",
    "Track",
]

NANOSECOND = Fraction(1, 10**9)
"""Time base of tracks whose files write times as decimal seconds."""


class Between(enum.Enum):
    """What a value is between two time stamps."""

    hold = "hold"
    """The last one holds: commands, switches, states of a gripper, anything that is a name."""
    linear = "linear"
    """A straight line: positions, joint angles that do not wrap, temperatures."""
    slerp = "slerp"
    """The shortest turn: unit quaternions (w, x, y, z) in the last axis."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumberTrack:
    """Numbers in time: state, action, a sensor, a camera's pose.

    Raises:
        ValueError: when fields and values disagree.
    """

    series: Series
    """``(n, *shape)`` float32 or float64 values; NaN where there is none."""
    fields: tuple[str, ...] = ()
    """Names along the last axis; empty for scalars."""
    units: tuple[str, ...] = ()
    """Along the last axis (or one for all); ``"1"`` for numbers without one, empty when unknown."""
    between: tuple[Between, ...] = (Between.linear,)
    """Along the last axis, or one for all."""

    def __post_init__(self) -> None:
        shape = self.series.values.shape
        width = shape[-1] if len(shape) > 1 else 1
        if self.fields and len(self.fields) != width:
            raise ValueError(f"{len(self.fields)} field names for {width} values")
        for name, given in (("units", self.units), ("between", self.between)):
            if len(given) not in (0, 1, width):
                raise ValueError(f"{len(given)} {name} for {width} values")


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """Joints and how they hang together."""

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each joint's parent; -1 for the root. Parents come before children."""
    up: str = "y"
    """Axis that points up: ``y`` or ``z``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MotionTrack:
    """A moving skeleton. Positions are there always, rotations where the file has them."""

    ticks: npt.NDArray[np.int64]
    """``(n,)`` increasing times in units of `time_base`."""
    time_base: Fraction
    skeleton: Skeleton
    positions: npt.NDArray[np.float32]
    """``(n, joints, 3)`` metres in the world; NaN where a joint was not seen."""
    rotations: npt.NDArray[np.float32] | None = None
    """``(n, joints, 4)`` unit quaternions (w, x, y, z), each against its parent; None if unknown."""

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """``(n,)`` times on the track's clock, seconds."""
        return self.ticks.astype(np.float64) * float(self.time_base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """Words and the time in which they are said, shown or true."""

    span: Span
    """On the track's clock, seconds; starts at 0 or later."""
    text: str
    words: tuple[Cue, ...] = ()
    """The single words with their times, where the file has them."""
    speaker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTrack:
    """Speech, captions, lyrics, instructions or notes with their times, in time order."""

    cues: tuple[Cue, ...]
    language: str | None = None
    """BCP 47, as the file says it."""
    notes: Sequence[str] = field(default=())
    """What was odd but could be read, e.g. ``line 12: end before start, left out``."""


Track: TypeAlias = NumberTrack | MotionTrack | TextTrack
