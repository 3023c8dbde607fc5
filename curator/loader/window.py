"""Which frames, which sound and which values belong to a window: pure arithmetic on times."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["At", "ClipTimes", "Cut", "Window", "beside", "cut", "sound_range", "uniform_times"]

Ints: TypeAlias = npt.NDArray[np.int64]
Seconds: TypeAlias = npt.NDArray[np.float64]

_NO_PICTURES_FPS = 100


class At(enum.Enum):
    """Where in a sample a window is cut."""

    random = "random"
    """At a random frame; the same one for the same seed, epoch and sample."""
    start = "start"
    middle = "middle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is cut out of every sample. Without a length it is the whole sample."""

    frames: int | None = None
    """Pictures, at `fps` if that is given."""
    seconds: Fraction | None = None
    fps: Fraction | None = None
    """Pictures per second: at each instant the one that is shown. None keeps the sample's own."""
    at: At = At.random


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipTimes:
    """When the frames of a sample are shown."""

    ticks: Ints
    end_tick: int
    time_base: Fraction

    def time(self, frame: int) -> Fraction:
        """When `frame` is shown, seconds of the clip; frame ``n`` is its end."""
        tick = self.end_tick if frame == len(self.ticks) else int(self.ticks[frame])
        return tick * self.time_base


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """One window of one sample: ``[start, end)`` on the clip's clock."""

    start: Fraction
    end: Fraction
    frames: Ints
    """Numbers of the frames to show, ascending; one that is shown at several instants comes several times."""
    seconds: Seconds
    """When each of them is shown, from the window's start."""


def uniform_times(seconds: Fraction, fps: Fraction | None) -> ClipTimes:
    """Instants at which the windows of a sample without pictures may begin: hundredths, or those of `fps`."""
    time_base = 1 / (fps or Fraction(_NO_PICTURES_FPS))
    count = max(1, int(seconds / time_base))
    return ClipTimes(ticks=np.arange(count), end_tick=count, time_base=time_base)


def cut(times: ClipTimes, window: Window, choose: Callable[[int], int]) -> Cut:
    """The window of a sample; one that is too short is given whole.

    Args:
        choose: the number of starts to choose from to the one chosen, from 0.
    """
    first = _choose(window, _starts(times, window), choose)
    start = times.time(first)
    end = min(_end(times, window, first), times.time(len(times.ticks)))
    if window.fps is None:
        stop = int(np.searchsorted(times.ticks, _ceil(end / times.time_base)))
        frames = np.arange(first, max(stop, first + 1))
        shown = (times.ticks[frames] - times.ticks[first]) * float(times.time_base)
        return Cut(start=start, end=end, frames=frames, seconds=shown)
    count = window.frames or _ceil(min(window.seconds or end, end - start) * window.fps)
    count = max(1, min(count, _ceil((end - start) * window.fps)))
    grid = np.arange(count, dtype=np.int64)
    # Instant k is tick first + k / (fps * time base): whole numbers throughout, so no rounding.
    step = 1 / (window.fps * times.time_base)
    ticks = times.ticks[first] + grid * step.numerator // step.denominator
    frames = np.searchsorted(times.ticks, ticks, side="right") - 1
    return Cut(start=start, end=end, frames=frames, seconds=grid / float(window.fps))


def beside(times: ClipTimes, window: Window, main: Cut) -> tuple[Ints, Seconds]:
    """The frames of another camera in the window, and when each is shown, from the window's start."""
    if window.fps is None:
        low, high = (_ceil(t / times.time_base) for t in (main.start, main.end))
        frames = np.arange(*np.searchsorted(times.ticks, [low, high]), dtype=np.int64)
        start = float(main.start)
        return frames, np.asarray(times.ticks[frames] * float(times.time_base) - start, np.float64)
    grid = np.arange(len(main.frames), dtype=np.int64)
    step, first = 1 / (window.fps * times.time_base), main.start / times.time_base
    # One denominator for both, so that instants stay whole numbers.
    scale = step.denominator * first.denominator
    ticks = (
        first.numerator * step.denominator + grid * (step.numerator * first.denominator)
    ) // scale
    frames = np.searchsorted(times.ticks, ticks, side="right") - 1
    return np.maximum(frames, 0), main.seconds


def sound_range(cut: Cut, rate_hz: int) -> tuple[int, int]:
    """First sample of a window and how many: windows of one length have one number of samples."""
    return round(cut.start * rate_hz), round((cut.end - cut.start) * rate_hz)


def _choose(window: Window, starts: int, choose: Callable[[int], int]) -> int:
    if window.at is At.start or starts == 1:
        return 0
    return (starts - 1) // 2 if window.at is At.middle else choose(starts)


def _starts(times: ClipTimes, window: Window) -> int:
    """At how many of the first frames a whole window can begin; 1 when the sample is too short."""
    if window.frames is not None and window.fps is None:
        return max(1, len(times.ticks) - window.frames + 1)
    length = _length(window)
    if length is None:
        return 1
    latest = times.end_tick - length / times.time_base
    return max(1, int(np.searchsorted(times.ticks, latest.__floor__(), side="right")))


def _end(times: ClipTimes, window: Window, first: int) -> Fraction:
    if window.frames is not None and window.fps is None:
        return times.time(min(first + window.frames, len(times.ticks)))
    length = _length(window)
    return times.time(len(times.ticks)) if length is None else times.time(first) + length


def _length(window: Window) -> Fraction | None:
    if window.frames is not None and window.fps is not None:
        return window.frames / window.fps
    return window.seconds


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
