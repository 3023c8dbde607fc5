"""One clock for a whole pair: offset and drift between two devices, from windows all over the video.

A recorder whose clock runs a thousandth faster is 1.2 s late after twenty minutes: further than any clip by
itself would look for it, and than any bound on its offset. So where a video is long the offset is first asked in windows
spread over it, in each as far as clocks may have run apart until there; the line through those is the
clock by which its clips are then measured, each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from curator.align.line import MOST_DRIFT, Window, line_through
from curator.model.outcome import Failure
from curator.model.span import Span
from curator.model.sync import Clock, Offset
from curator.plan.sync import Alignment, KnownSync, Question

__all__ = ["lines_of"]

_FROM_SECONDS = 60
"""Between the first and the last window. In less, clocks hardly run apart by more than a clip looks for."""
_WINDOWS = 16
_FEWEST = 3
_LENGTH_SECONDS = Fraction(16)
_SHORTEST_SECONDS = 4
"""A window that is shorter tells nothing."""
_NEAR_SECONDS = 0.04
"""How far from the line a window may lie: what the least exact aligner errs by."""


def lines_of(
    alignments: Sequence[Alignment],
    clips: Sequence[Span],
    whole: Span,
    fps: float,
    known: KnownSync,
) -> tuple[dict[str, Clock], list[Question]]:
    """The clocks of whole pairs by alignment, where there are such, and what must be asked first.

    Args:
        alignments: of the recipe.
        clips: those that are left, in time order.
        whole: the video.
        fps: its rate.
        known: what was measured so far.
    """
    clocks: dict[str, Clock] = {}
    questions: list[Question] = []
    for one in alignments:
        declared = known.declared(one)
        if declared is None or one.role is None or not one.spec.repair:
            continue
        asked = _questions(one, clips, whole, declared)
        said = [known.offset(one, question) for question in asked]
        questions += [q for q, answer in zip(asked, said, strict=True) if answer is None]
        near = max(_NEAR_SECONDS, one.spec.residual_seconds or 0.5 / fps)
        windows = [
            Window(float(_middle(question.span)), answer.seconds, answer.confidence)
            for question, answer in zip(asked, said, strict=True)
            if not (answer is None or isinstance(answer, Failure) or answer.seconds is None)
        ]
        line = line_through(windows, near_seconds=near)
        if line is not None:
            late = Offset(seconds=line.start, drift=line.drift)
            clocks[one.name] = declared.corrected(late, Fraction(0))
    return clocks, questions


def _questions(
    alignment: Alignment, clips: Sequence[Span], whole: Span, declared: Clock
) -> list[Question]:
    """What is asked of a pair; nothing where it is too short to run apart."""
    windows = _among(clips) if alignment.nodes else _over(whole)
    if len(windows) < _FEWEST or windows[-1].start - windows[0].start < _FROM_SECONDS:
        return []
    return [
        Question(
            alignment.name,
            window,
            declared,
            search_seconds=alignment.search_seconds + _apart(_middle(window)),
        )
        for window in windows
    ]


def _over(whole: Span) -> list[Span]:
    """Windows all over the video, for aligners that need nothing but sound."""
    length = min(_LENGTH_SECONDS, whole.seconds)
    room = whole.seconds - length
    starts = [round(room * k / (_WINDOWS - 1)) for k in range(_WINDOWS)]
    return [Span(Fraction(one), one + length) for one in dict.fromkeys(starts)]


def _among(clips: Sequence[Span]) -> list[Span]:
    """Some of the clips, for aligners whose measures are not run elsewhere."""
    long = [clip for clip in clips if clip.seconds >= _SHORTEST_SECONDS]
    if len(long) <= _WINDOWS:
        return long
    return [long[k * (len(long) - 1) // (_WINDOWS - 1)] for k in range(_WINDOWS)]


def _apart(at: Fraction) -> Fraction:
    """How far two clocks may have run apart since the video began, in tenths of a second."""
    return Fraction(ceil(at * Fraction(str(MOST_DRIFT)) * 10), 10)


def _middle(span: Span) -> Fraction:
    return (span.start + span.end) / 2
