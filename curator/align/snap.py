"""Moves the ends of clips to where nobody is in mid-sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from curator.model.series import Series
from curator.model.span import Span, subtract, union
from curator.model.sync import Clock
from curator.model.track import TextTrack

__all__ = ["Boundaries", "of_sentences", "of_speech", "snapped"]

_BREATH_SECONDS = Fraction(1, 5)
"""Left before and after speech, where the pause has room: consonants begin before they are loud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """Instants at which a clip may well begin, and at which it may well end; each sorted."""

    starts: tuple[Fraction, ...]
    ends: tuple[Fraction, ...]


def of_sentences(text: TextTrack, clock: Clock | None = None) -> Boundaries:
    """Around the cues of a transcript, on the video's clock. What another cue talks over is no boundary."""
    clock = clock or Clock()
    said = [Span(clock.on_video(c.span.start), clock.on_video(c.span.end)) for c in text.cues]
    return _around(_apart(said))


def of_speech(
    speech: Series, *, threshold: float = 0.5, pause_seconds: Fraction = Fraction(3, 10)
) -> Boundaries:
    """Around stretches of speech, by a probability per time; shorter pauses are part of the speech.

    NaN counts as speech: a cut is made only where there is known to be none.
    """
    spoken = ~(np.asarray(speech.values, np.float64) < threshold)
    times = [speech.time(k) for k in range(len(speech))]
    if not times:
        return Boundaries(starts=(), ends=())
    step = times[1] - times[0] if len(times) > 1 else pause_seconds
    ends = [*times[1:], times[-1] + step]
    voiced = union(Span(a, b) for a, b, on in zip(times, ends, spoken, strict=True) if on)
    whole = Span(times[0], ends[-1])
    pauses = [p for p in subtract([whole], voiced) if p.seconds >= pause_seconds]
    return _around(subtract([whole], pauses), within=whole)


def snapped(
    span: Span,
    allowed: Span,
    boundaries: Boundaries,
    *,
    within_seconds: Fraction,
    min_seconds: Fraction,
    max_seconds: Fraction,
) -> Span:
    """`span` with its ends at boundaries, where that can be.

    Each end moves by at most `within_seconds` and stays in `allowed`; the length stays between the
    two bounds. Both ends at boundaries are better than one, one is better than none, and of equals
    the least movement wins, then the earlier start. Where nothing fits, the span stays as it is.
    """
    starts = [span.start, *_near(boundaries.starts, span.start, within_seconds, allowed)]
    ends = [span.end, *_near(boundaries.ends, span.end, within_seconds, allowed)]
    known_starts, known_ends = set(boundaries.starts), set(boundaries.ends)
    best = ((0, Fraction(0), span.start), span)
    for start in starts:
        for end in ends:
            if not min_seconds <= end - start <= max_seconds or start >= end:
                continue
            loose = (start not in known_starts) + (end not in known_ends)
            moved = abs(start - span.start) + abs(end - span.end)
            rank = (loose - 2, moved, start)
            if rank < best[0]:
                best = (rank, Span(start, end))
    return best[1]


def _near(
    instants: Sequence[Fraction], at: Fraction, within: Fraction, allowed: Span
) -> Iterable[Fraction]:
    return (
        one for one in instants if abs(one - at) <= within and allowed.start <= one <= allowed.end
    )


def _apart(said: Sequence[Span]) -> list[Span]:
    """Cues, those that overlap as one; those that only meet stay apart."""
    out: list[Span] = []
    for span in sorted(said):
        if out and span.start < out[-1].end:
            out[-1] = Span(out[-1].start, max(out[-1].end, span.end))
        else:
            out.append(span)
    return out


def _around(said: Sequence[Span], *, within: Span | None = None) -> Boundaries:
    """Before and after each of some disjoint stretches: a breath away, at most half of the pause."""
    starts, ends = [], []
    for index, span in enumerate(said):
        before = span.start - said[index - 1].end if index else span.start
        starts.append(span.start - min(_BREATH_SECONDS, before / 2 if index else before))
        after = said[index + 1].start - span.end if index + 1 < len(said) else _BREATH_SECONDS * 2
        ends.append(span.end + min(_BREATH_SECONDS, after / 2))
    if within is not None:
        starts = [max(one, within.start) for one in starts]
        ends = [min(one, within.end) for one in ends]
    assert all(a <= b for a, b in pairwise(starts)), "stretches are in order"
    return Boundaries(starts=tuple(starts), ends=tuple(ends))
