"""Finds clips: the longest stretches of a shot in which every frame-level condition holds.

All of it is pure and exact. A frame is shown from its own time to the next frame's, and it is good
when every condition holds all that while. Stretches are runs of good frames of one shot, so clips
begin and end at frame times under any frame rate, constant or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from curator.model.clip import Shot
from curator.model.series import Series
from curator.model.signal import Support
from curator.model.span import Span, intersection, union
from curator.model.video import FrameTable
from curator.segment.split import Cut, Way, parts

__all__ = ["Segmentation", "candidates", "holds", "reach", "stretches"]

_Mask = npt.NDArray[np.bool_]
_Run = tuple[int, int]
"""Frames ``first <= i < last``."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Clips and the rest of a video: together they tile it."""

    clips: tuple[Span, ...]
    rest: tuple[tuple[Span, str], ...]
    """Every second that no clip covers, in time order, with the reason why.

    ``transition``  frames of a gradual transition
    ``trim``        left out at both ends of every shot
    ``where.NAME``  no stretch reaches here; NAME is the condition that fails for the longest time
                    in this gap, the first in recipe order if several do
    ``too-short``   all conditions hold, but not for long enough
    ``too-long``    one single frame is shown for longer than the longest clip
    """
    cuts: tuple[Cut, ...] = ()
    """Inside stretches, in time order: where one clip ends and the next one begins."""


def holds(
    series: Series,
    pieces: Iterable[Span],
    covered: Iterable[Span],
    *,
    low: float | None = None,
    high: float | None = None,
    equals: float | None = None,
    absent_keeps: bool = False,
    support: Support = Support.frame,
) -> tuple[Span, ...]:
    """The instants of `pieces` at which a value of `series` meets a bound.

    A value holds from its time until the next sample's, and never leaves its piece: give the clean
    parts of the shots, and a face seen before a cut says nothing about the frames after it. What
    lies in a piece before its first sample takes that sample's value. The first pair value of a
    piece compares across the cut and is left out.

    Args:
        series: Scalar values; NaN is no value.
        pieces: Disjoint spans whose footage is one shot each; those that meet stay apart.
        covered: Where the series was measured; nothing holds elsewhere.
        low: Lowest value that passes.
        high: Highest value that passes.
        equals: The only value that passes.
        absent_keeps: Whether an instant without a value passes.
        support: What one value looks at.
    """
    good = _passes(series.values, low=low, high=high, equals=equals, absent_keeps=absent_keeps)
    out: list[Span] = []
    for piece in sorted(pieces):
        first, last = _samples(series.ticks, series.time_base, piece)
        first += support is Support.pair
        if first >= last:
            out.extend([piece] if absent_keeps else [])
            continue
        for i, j in _runs(good[first:last]):
            start = piece.start if i == 0 else series.time(first + i)
            end = piece.end if first + j == last else series.time(first + j)
            out.append(Span(start, end))
    return intersection(out, covered)


def reach(
    spans: Iterable[Span],
    pieces: Iterable[Span],
    sampled: npt.NDArray[np.int64],
    time_base: Fraction,
    *,
    support: Support = Support.frame,
) -> tuple[Span, ...]:
    """`spans`, widened to the samples that `holds` needs to judge every instant of them.

    Measuring the tiles that cover these gives the same verdict inside `spans` as measuring the
    whole video.

    Args:
        spans: Where a verdict is wanted.
        pieces: As given to `holds`.
        sampled: ``(n,)`` increasing times of all samples the series would have.
        time_base: Seconds per tick of `sampled`.
        support: As given to `holds`.
    """
    out: list[Span] = []
    for piece in sorted(pieces):
        first, last = _samples(sampled, time_base, piece)
        first += support is Support.pair
        for span in intersection(spans, (piece,)):
            out.append(span)
            if first >= last:
                continue
            tick = floor(span.start / time_base)
            index = int(np.searchsorted(sampled, tick, side="right")) - 1
            time = int(sampled[min(max(index, first), last - 1)]) * time_base
            out.append(Span(min(time, span.start), max(time + time_base, span.end)))
    return union(out)


def stretches(
    shots: Sequence[Shot],
    conditions: Sequence[tuple[str, Sequence[Span]]],
    table: FrameTable,
    *,
    trim: Fraction,
    forgive: Fraction,
    min_seconds: Fraction,
    max_seconds: Fraction,
    ways: Sequence[Way] = (),
) -> Segmentation:
    """Clips in which all conditions hold, and why every other second is in none.

    Args:
        shots: They tile the video.
        conditions: Name and the spans in which it holds, in recipe order.
        table: The video's frames.
        trim: Seconds left out at both ends of every shot's clean part.
        forgive: A gap no longer than this between two stretches of a shot is part of the clip.
        min_seconds: Shortest clip.
        max_seconds: Longest clip: a longer stretch is cut where `ways` say, else into the fewest equal parts.
        ways: Where one clip ends inside a stretch and the next one begins.
    """
    frames = _Frames(table, conditions, max_seconds)
    clips: list[_Run] = []
    cuts: list[Cut] = []
    rest: list[tuple[_Run, str]] = []
    for shot in shots:
        clean, inner = _parts(shot, table, trim)
        rest += _frame_runs(_around((shot.start_frame, shot.end_frame), clean), "transition")
        rest += _frame_runs(_around(clean, inner), "trim")
        long = _stretch_runs(inner, frames.good, table, forgive)
        for gap in _complement(inner, long):
            rest += frames.blame(gap)
        for run in long:
            found, between = parts(run, table, ways, min_seconds, max_seconds)
            found = [one for one in found if min_seconds <= _seconds(one, table) <= max_seconds]
            clips += found
            cuts += between
            rest += _frame_runs(_complement(run, found), "too-short")
    return Segmentation(
        clips=tuple(_span(run, table) for run in clips),
        rest=tuple((_span(run, table), reason) for run, reason in sorted(rest)),
        cuts=tuple(cuts),
    )


def candidates(
    shots: Sequence[Shot],
    conditions: Sequence[tuple[str, Sequence[Span]]],
    table: FrameTable,
    *,
    trim: Fraction,
    forgive: Fraction,
    min_seconds: Fraction,
    max_seconds: Fraction,
) -> tuple[Span, ...]:
    """Spans that may still become part of a clip when only some of the conditions are known.

    Every clip that `stretches` finds with these and any further conditions lies in one of them:
    further conditions only make fewer frames good, so a stretch of the whole begins and ends on
    frames that are good here too, and each of its gaps here is part of a gap that was forgiven.
    """
    good = _Frames(table, conditions, max_seconds).good
    runs = (
        run
        for shot in shots
        for run in _stretch_runs(_parts(shot, table, trim)[1], good, table, forgive)
    )
    return tuple(_span(run, table) for run in runs if _seconds(run, table) >= min_seconds)


class _Frames:
    """Which frames are good, and which condition is to blame for those that are not."""

    def __init__(
        self,
        table: FrameTable,
        conditions: Sequence[tuple[str, Sequence[Span]]],
        max_seconds: Fraction,
    ) -> None:
        self._lengths = np.diff(table.ticks, append=table.end_tick)
        masks = {f"where.{name}": _inside(spans, table) for name, spans in conditions}
        masks["too-long"] = self._lengths * table.time_base.numerator <= (
            floor(max_seconds * table.time_base.denominator)
        )
        self._masks = masks
        self.good: _Mask = np.logical_and.reduce(list(masks.values()))

    def blame(self, run: _Run) -> list[tuple[_Run, str]]:
        """The gap with its reason: a frame too long for any clip stands alone."""
        first, last = run
        fits = self._masks["too-long"][first:last]
        out = [((first + i, first + j), "too-long") for i, j in _runs(~fits)]
        for i, j in _runs(fits):
            part = slice(first + i, first + j)
            failing = {
                name: int(self._lengths[part][~mask[part]].sum())
                for name, mask in self._masks.items()
            }
            out.append(((part.start, part.stop), max(failing, key=lambda name: failing[name])))
        return out


def _passes(
    values: npt.NDArray[np.generic],
    *,
    low: float | None,
    high: float | None,
    equals: float | None,
    absent_keeps: bool,
) -> _Mask:
    numbers = values.astype(np.float64)
    absent = np.isnan(numbers)
    good = ~absent
    # Comparisons with NaN are False, so an absent value passes none of them.
    if low is not None:
        good &= numbers >= low
    if high is not None:
        good &= numbers <= high
    if equals is not None:
        good &= numbers == equals
    return good | absent if absent_keeps else good


def _samples(ticks: npt.NDArray[np.int64], time_base: Fraction, piece: Span) -> _Run:
    """The samples whose time lies in `piece`."""
    return (
        int(np.searchsorted(ticks, ceil(piece.start / time_base))),
        int(np.searchsorted(ticks, ceil(piece.end / time_base))),
    )


def _runs(mask: _Mask) -> list[_Run]:
    """The maximal runs of True."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(i), int(j)) for i, j in zip(edges[::2], edges[1::2], strict=True)]


def _inside(spans: Iterable[Span], table: FrameTable) -> _Mask:
    """Frames that are shown wholly inside `spans`."""
    out = np.zeros(len(table), dtype=np.bool_)
    for span in union(spans):
        first, last = _within(span, table)
        out[first:last] = True
    return out


def _within(span: Span, table: FrameTable) -> _Run:
    """Frames shown wholly inside `span`; an empty run when there is none."""
    first = table.index_at(span.start)
    if span.end >= table.time(len(table)):
        return first, len(table)
    tick = floor(span.end / table.time_base)
    return first, max(first, int(np.searchsorted(table.ticks, tick, side="right")) - 1)


def _parts(shot: Shot, table: FrameTable, trim: Fraction) -> tuple[_Run, _Run]:
    """Frames of the clean part of a shot, and those left after trimming it."""
    nothing = (shot.end_frame, shot.end_frame)
    if shot.clean is None:
        return nothing, nothing
    clean = _within(shot.clean, table)
    start, end = shot.clean.start + trim, shot.clean.end - trim
    if start >= end:
        return clean, (clean[1], clean[1])
    first, last = _within(Span(start, end), table)
    first = min(first, clean[1])
    return clean, (first, max(first, last))


def _stretch_runs(inner: _Run, good: _Mask, table: FrameTable, forgive: Fraction) -> list[_Run]:
    """Runs of good frames; those with a forgiven gap between them are one."""
    out: list[_Run] = []
    for i, j in _runs(good[inner[0] : inner[1]]):
        run = (inner[0] + i, inner[0] + j)
        if out and table.time(run[0]) - table.time(out[-1][1]) <= forgive:
            out[-1] = (out[-1][0], run[1])
        else:
            out.append(run)
    return out


def _seconds(run: _Run, table: FrameTable) -> Fraction:
    return table.time(run[1]) - table.time(run[0])


def _span(run: _Run, table: FrameTable) -> Span:
    return Span(table.time(run[0]), table.time(run[1]))


def _around(outer: _Run, inner: _Run) -> list[_Run]:
    """What `outer` has on both sides of `inner`."""
    return _complement(outer, [inner] if inner[0] < inner[1] else [])


def _complement(outer: _Run, runs: Iterable[_Run]) -> list[_Run]:
    """The frames of `outer` in none of `runs`, which are sorted and disjoint."""
    out: list[_Run] = []
    at = outer[0]
    for first, last in runs:
        if at < first:
            out.append((at, first))
        at = last
    return [*out, (at, outer[1])] if at < outer[1] else out


def _frame_runs(runs: Iterable[_Run], reason: str) -> list[tuple[_Run, str]]:
    return [(run, reason) for run in runs]
