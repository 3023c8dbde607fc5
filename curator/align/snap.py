"""Moves the ends of clips to where nobody is in mid-sentence."""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from curator.align.sentences import sentences
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import TextTrack

__all__ = ["Boundaries", "Edge", "Gap", "Quiet", "Snapped", "of_sentences", "of_speech", "snapped"]

_BREATH_SECONDS = Fraction(1, 5)
"""Left before and after speech, where the pause has room: consonants begin before they are loud."""
_NEAR_SECONDS = Fraction(2, 5)
"""A pause of the voice this near to where captions end a sentence is that end: they are not exact."""
_NEAR_WORDS_SECONDS = Fraction(3, 20)
"""The same, of transcripts with times of words."""


class Edge(enum.Enum):
    """What an end of a clip lies at, best first."""

    sentence = "sentence"
    """Between two sentences of the transcript."""
    pause = "pause"
    """In a pause of the speech."""
    unmoved = "unmoved"
    """Where it was found: no boundary was near."""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A silence between two things that are said; as short as an instant."""

    start: Fraction
    end: Fraction

    @property
    def breath(self) -> Fraction:
        """What is left of it before and after speech: at most half."""
        return min(_BREATH_SECONDS, (self.end - self.start) / 2)

    @property
    def out(self) -> Fraction:
        """Where a clip may end."""
        return self.start + self.breath

    @property
    def into(self) -> Fraction:
        """Where a clip may begin."""
        return self.end - self.breath


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Where nothing is said."""

    edge: Edge
    before: tuple[Gap, ...]
    """Gaps that something is said after, in order of their ends."""
    after: tuple[Gap, ...]
    """Gaps that something was said before, in order of their starts."""

    def within(
        self, allowed: Span, frame_at: Callable[[Fraction], Fraction] = lambda at: at
    ) -> Boundaries:
        """The instants inside `allowed` at which clips may begin and end.

        Args:
            allowed: begins and ends with a frame. An end of it that lies in a gap is such an instant.
            frame_at: the time of the first frame at or after an instant.
        """
        before = self.before[
            bisect_left(self.before, allowed.start, key=_end) : bisect_left(
                self.before, allowed.end, key=_end
            )
        ]
        after = self.after[
            bisect_right(self.after, allowed.start, key=_start) : bisect_right(
                self.after, allowed.end, key=_start
            )
        ]
        starts = {frame_at(max(gap.into, allowed.start)) for gap in before}
        ends = {frame_at(min(gap.out, allowed.end)) for gap in after}
        return Boundaries(
            edge=self.edge,
            starts=tuple(sorted(one for one in starts if one < allowed.end)),
            ends=tuple(sorted(one for one in ends if one <= allowed.end)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """Instants at which a clip may well begin, and at which it may well end; each sorted."""

    edge: Edge
    starts: tuple[Fraction, ...]
    ends: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Snapped:
    """A clip, and what its ends lie at."""

    span: Span
    start: Edge
    end: Edge


def of_sentences(
    text: TextTrack, clock: Clock | None = None, *, pauses: Quiet | None = None
) -> Quiet:
    """Between the sentences of a transcript, on the video's clock. What another talks over is no boundary.

    Args:
        text: with times of words, or of cues alone.
        clock: how that stands to the video's.
        pauses: of the voice. One that lies within 0.4 s of where a cue ends a sentence (0.15 s of a word
            with a time of its own) is where it ends.
    """
    said = sentences(text, clock)
    if not said:
        return Quiet(edge=Edge.sentence, before=(), after=())
    room = 2 * _BREATH_SECONDS
    first = Gap(max(Fraction(0), said[0].start - room), said[0].start)
    between = [Gap(a.end, b.start) for a, b in pairwise(said)]
    last = Gap(said[-1].end, said[-1].end + room)
    before, after = [first, *between], [*between, last]
    if pauses is not None:
        near = _NEAR_WORDS_SECONDS if any(cue.words for cue in text.cues) else _NEAR_SECONDS
        before = [_settled(gap, gap.end, pauses.before, near) for gap in before]
        after = [_settled(gap, gap.start, pauses.after, near) for gap in after]
    return Quiet(
        edge=Edge.sentence,
        before=tuple(sorted(before, key=_end)),
        after=tuple(sorted(after, key=_start)),
    )


def of_speech(
    speech: Series, *, threshold: float = 0.5, pause_seconds: Fraction = Fraction(3, 10)
) -> Quiet:
    """Pauses, by a probability of speech per time; shorter silences are part of the speech.

    NaN and times of which nothing is known count as speech: a cut is made only where there is known to
    be none. What lies before the first value or after the last one is not known.
    """
    if len(speech) < 2:
        return Quiet(edge=Edge.pause, before=(), after=())
    ticks = speech.ticks
    steps = np.diff(ticks)
    step = int(np.median(steps))
    known = np.append(steps <= 2 * step, True)
    silent = np.asarray(speech.values, np.float64) < threshold
    edges = np.diff(silent.astype(np.int8), prepend=0, append=0)
    breaks = np.flatnonzero(~known) + 1
    gaps: list[Gap] = []
    for first, last in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        inner = breaks[(breaks > first) & (breaks < last)]
        for a, b in pairwise([int(first), *inner.tolist(), int(last)]):
            until = int(ticks[b]) if b < len(ticks) and known[b - 1] else int(ticks[b - 1]) + step
            gap = Gap(int(ticks[a]) * speech.time_base, until * speech.time_base)
            if gap.end - gap.start >= pause_seconds:
                gaps.append(gap)
    begin = speech.time(0)
    end = (int(ticks[-1]) + step) * speech.time_base
    return Quiet(
        edge=Edge.pause,
        before=tuple(gap for gap in gaps if gap.end < end),
        after=tuple(gap for gap in gaps if gap.start > begin),
    )


def snapped(
    span: Span,
    boundaries: Sequence[Boundaries],
    *,
    found: Span | None = None,
    within_seconds: Fraction,
    min_seconds: Fraction,
    max_seconds: Fraction,
) -> Snapped:
    """`span` with its ends at boundaries, where that can be.

    Each end moves by at most `within_seconds` to one of the instants that are given; the length stays
    between the two bounds. Two ends at lesser boundaries are better than one at the best and one at none; of
    equals the least movement wins, then the earlier start. Where nothing fits, the span stays as it is.

    Args:
        span: what is left of the clip by now.
        boundaries: those to be preferred first.
        found: where the clip was at first, from which movements count; None is `span`.
    """
    found = found or span
    starts = _choices([one.starts for one in boundaries], span.start, found.start, within_seconds)
    ends = _choices([one.ends for one in boundaries], span.end, found.end, within_seconds)
    best = None
    for start, start_rank in starts:
        for end, end_rank in ends:
            fits = start < end and min_seconds <= end - start <= max_seconds
            if not fits and (start, end) != (span.start, span.end):
                continue
            moved = abs(start - found.start) + abs(end - found.end)
            rank = (_cost(start_rank, boundaries) + _cost(end_rank, boundaries), moved, start, end)
            if best is None or rank < best[0]:
                best = (rank, Snapped(Span(start, end), _edge(start_rank, boundaries), _edge(end_rank, boundaries)))  # fmt: skip
    assert best is not None, "the span itself is a choice"
    return best[1]


def _choices(
    kinds: Sequence[Sequence[Fraction]], at: Fraction, near: Fraction, within: Fraction
) -> list[tuple[Fraction, int]]:
    """Instants near one that an end can have, and the kind of each: `at` itself is of none, unless it is a boundary."""
    out = {at: len(kinds)}
    for kind, instants in reversed(list(enumerate(kinds))):
        for index in range(bisect_left(instants, near - within), len(instants)):
            if instants[index] > near + within:
                break
            out[instants[index]] = kind
    return sorted(out.items())


def _cost(kind: int, boundaries: Sequence[Boundaries]) -> int:
    return kind if kind < len(boundaries) else 2 * len(boundaries)


def _edge(kind: int, boundaries: Sequence[Boundaries]) -> Edge:
    return boundaries[kind].edge if kind < len(boundaries) else Edge.unmoved


def _settled(gap: Gap, at: Fraction, pauses: Sequence[Gap], near: Fraction) -> Gap:
    """The pause that lies at an end of a gap between sentences; the gap itself where there is none."""
    found = list(_overlapping(pauses, Span(at - near, at + near)))
    return min(found, key=lambda one: (_distance(one, at), one), default=gap)


def _distance(gap: Gap, at: Fraction) -> Fraction:
    return max(gap.start - at, at - gap.end, Fraction(0))


def _overlapping(gaps: Sequence[Gap], span: Span) -> Iterator[Gap]:
    """Those of some disjoint gaps that have an instant of a span, its ends included."""
    index = bisect_left(gaps, span.start, key=_end)
    while index < len(gaps) and gaps[index].start <= span.end:
        yield gaps[index]
        index += 1


def _start(gap: Gap) -> Fraction:
    return gap.start


def _end(gap: Gap) -> Fraction:
    return gap.end
