"""Parts a stretch into clips: where one thing ends and the next begins, and where it is too long.

Pure and exact, as the search for stretches is. What a part looks like depends on the samples inside the
stretch alone, so what else was measured changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.span import Span, intersection
from curator.model.video import FrameTable

__all__ = ["TOO_LONG", "Cut", "Dips", "Pauses", "Way", "last_at", "parts"]

Run = tuple[int, int]
"""Frames ``first <= i < last``."""
TOO_LONG = "too-long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dips:
    """Cuts where a number dips: at a lowest value that is a small share of the peaks on both sides of it.

    The peak of a side is the highest value before the number is as low again, or the stretch ends. Of
    equal values in a row the middle is meant. Samples without a value say nothing.
    """

    name: str
    series: Series
    """``(n,)`` values, none of which is meant below 0."""
    ratio: float
    """A dip is at most this share of the lower of its two peaks."""
    floor: float = 0.0
    """Lower values count as this one."""
    only_long: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Cuts in the middle of spans that lie wholly inside a stretch; what reaches an end of it parts nothing."""

    name: str
    spans: tuple[Span, ...]
    only_long: bool = False


Way = Dips | Pauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """An instant at which one clip ends and the next one begins, and why it is there."""

    at: Fraction
    """Time of a frame, seconds."""
    by: str
    """Name of the way, or `TOO_LONG` for equal parts."""
    value: float | None = None
    """Of a dip."""
    peaks: tuple[float, float] | None = None
    """Of a dip: before it and after it."""
    inside: Span | None = None
    """The span of which it is the middle."""


@dataclass(frozen=True, slots=True)
class _Mark:
    rank: tuple[float, float, int]
    """The lowest is the best; unique inside one way."""
    frame: int
    cut: Cut


def parts(
    run: Run, table: FrameTable, ways: Sequence[Way], shortest: Fraction, longest: Fraction
) -> tuple[list[Run], list[Cut]]:
    """The clips of one stretch, in time order, and the cuts between them.

    Ways are asked in order, and of each the best marks come first; a mark that would leave less than
    `shortest` on either side is passed over. What is longer than `longest` after that is cut at its best
    mark of any way until it is not, and where there is none into equal parts.
    """
    found: dict[int, Cut] = {}
    edges = [run[0], run[1]]
    for way in ways:
        if way.only_long:
            continue
        for mark in _marks(way, run, table):
            _take(mark, edges, found, table, shortest)
    out: list[Run] = []
    for part in pairwise(sorted(edges)):
        out += _short_enough(part, table, ways, found, shortest, longest)
    return out, [found[frame] for frame in sorted(found)]


def last_at(seconds: Fraction, table: FrameTable) -> int:
    """The last frame whose time is at or before `seconds`; ``n`` from the video's end on."""
    if seconds >= table.time(len(table)):
        return len(table)
    tick = floor(seconds / table.time_base)
    return int(np.searchsorted(table.ticks, tick, side="right")) - 1


def _take(
    mark: _Mark, edges: list[int], found: dict[int, Cut], table: FrameTable, shortest: Fraction
) -> bool:
    """Whether a mark leaves enough on both sides; then it is an edge."""
    before = max((edge for edge in edges if edge <= mark.frame), default=None)
    after = min((edge for edge in edges if edge > mark.frame), default=None)
    if before is None or after is None:
        return False
    if min(_seconds((before, mark.frame), table), _seconds((mark.frame, after), table)) < shortest:
        return False
    edges.append(mark.frame)
    found[mark.frame] = mark.cut
    return True


def _short_enough(
    part: Run,
    table: FrameTable,
    ways: Sequence[Way],
    found: dict[int, Cut],
    shortest: Fraction,
    longest: Fraction,
) -> list[Run]:
    """A part, cut until none is longer than `longest`; its cuts go to `found`."""
    out: list[Run] = []
    todo = [part]
    while todo:
        part = todo.pop()
        if _seconds(part, table) <= longest:
            out.append(part)
            continue
        edges = list(part)
        marks = (mark for way in ways for mark in _marks(way, part, table))
        if any(_take(mark, edges, found, table, shortest) for mark in marks):
            todo += pairwise(sorted(edges))
            continue
        equal = _equal_enough(part, table, shortest, longest)
        out += equal
        for first, _ in equal[1:]:
            found[first] = Cut(at=table.time(first), by=TOO_LONG)
    return sorted(out)


def _marks(way: Way, run: Run, table: FrameTable) -> list[_Mark]:
    """The places of one way inside a run, best first."""
    span = Span(table.time(run[0]), table.time(run[1]))
    marks = _dips(way, span, table) if isinstance(way, Dips) else _pauses(way, span, table)
    return sorted((one for one in marks if run[0] < one.frame < run[1]), key=lambda one: one.rank)


def _pauses(way: Pauses, span: Span, table: FrameTable) -> Iterable[_Mark]:
    """The longest first, then the first."""
    for inside in intersection(way.spans, (span,)):
        if inside.start <= span.start or inside.end >= span.end:
            continue
        frame = last_at((inside.start + inside.end) / 2, table)
        cut = Cut(at=table.time(frame), by=way.name, inside=inside)
        yield _Mark((-float(inside.seconds), 0.0, frame), frame, cut)


def _dips(way: Dips, span: Span, table: FrameTable) -> Iterable[_Mark]:
    """The deepest first, then those between the highest peaks, then the first."""
    series = way.series.within(span)
    values = np.asarray(series.values, np.float64).reshape(-1)
    known = np.flatnonzero(~np.isnan(values))
    levels = np.maximum(values[known], way.floor)
    starts = np.flatnonzero(np.diff(levels, prepend=np.nan) != 0)  # of runs of equal values
    steps = levels[starts]
    before, after = _peaks(steps, ties=True), _peaks(steps[::-1], ties=False)[::-1]
    for k in np.flatnonzero((steps[1:-1] < steps[:-2]) & (steps[1:-1] < steps[2:])) + 1:
        lower = min(before[k], after[k])
        if steps[k] > way.ratio * lower:
            continue
        ends = known[starts[k]], known[starts[k + 1] - 1]
        frame = last_at((series.time(int(ends[0])) + series.time(int(ends[1]))) / 2, table)
        peaks = (float(before[k]), float(after[k]))
        cut = Cut(at=table.time(frame), by=way.name, value=float(steps[k]), peaks=peaks)
        yield _Mark((float(steps[k] / lower), -float(lower), frame), frame, cut)


def _peaks(steps: npt.NDArray[np.float64], *, ties: bool) -> npt.NDArray[np.float64]:
    """Of each step the highest one before it, back to one that is lower, or with `ties` as low."""
    out = np.empty_like(steps)
    stack: list[tuple[float, float]] = []  # rising; each with the highest since the one below
    for k, step in enumerate(steps.tolist()):
        peak = step
        while stack and (stack[-1][0] > step or (stack[-1][0] == step and not ties)):
            peak = max(peak, stack.pop()[1])
        out[k] = peak
        stack.append((step, peak))
    return out


def _equal_enough(run: Run, table: FrameTable, shortest: Fraction, longest: Fraction) -> list[Run]:
    """The fewest nearly equal parts of at most `longest`; cut at frame times.

    Where equal parts would all be shorter than `shortest` (the bounds are less than a factor two
    apart), parts of full length are taken from the start and the remainder is left over.
    """
    whole = _seconds(run, table)
    count = max(1, ceil(whole / longest))
    if count > 1 and whole / count < shortest:
        return _from_the_start(run, table, longest)
    while True:
        found = _equal(run, table, count)
        if all(_seconds(part, table) <= longest for part in found):
            return found
        count += 1  # snapping to frame times made a part too long; ends when every frame is a part


def _equal(run: Run, table: FrameTable, count: int) -> list[Run]:
    start, whole = table.time(run[0]), _seconds(run, table)
    marks = [run[0], *(last_at(start + whole * k / count, table) for k in range(1, count)), run[1]]
    return [(i, j) for i, j in pairwise(marks) if i < j]


def _from_the_start(run: Run, table: FrameTable, longest: Fraction) -> list[Run]:
    out: list[Run] = []
    first = run[0]
    while first < run[1]:
        # Forced forward by one frame: no single frame of a stretch is longer than `longest`.
        last = min(run[1], max(first + 1, last_at(table.time(first) + longest, table)))
        out.append((first, last))
        first = last
    return out


def _seconds(run: Run, table: FrameTable) -> Fraction:
    return table.time(run[1]) - table.time(run[0])
