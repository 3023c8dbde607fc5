"""The ends of a video's clips, moved to sentences and pauses by what is known of its speech and its transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import groupby, pairwise

from curator.align.snap import Quiet, Snapped, of_sentences, of_speech, snapped
from curator.model.clip import Shot
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span, subtract
from curator.model.tile import Tiles
from curator.model.track import TextTrack
from curator.model.video import FrameTable
from curator.plan.logical import SNAP, LogicalPlan
from curator.plan.verdicts import Known
from curator.segment.clips import Segmentation
from curator.spec.recipe import SecondsSpec, SnapSpec

__all__ = ["SNAP_SIGNALS", "edge_signals", "snap_clips"]

SNAP_SIGNALS: Mapping[str, str] = {
    "snap.start": "what the clip begins at: a sentence, a pause, or neither (unmoved)",
    "snap.end": "what the clip ends at: a sentence, a pause, or neither (unmoved)",
}
"""Columns of what the ends of clips were moved to: name and meaning."""


def snap_clips(
    logical: LogicalPlan, cut: Segmentation, shots: Sequence[Shot], table: FrameTable, known: Known
) -> tuple[Segmentation, dict[Span, Snapped]]:
    """The clips with their ends where nobody is in mid-sentence, and what each end lies at.

    No clip leaves the stretch in which all conditions hold. Where a long stretch was divided, the end that
    two clips share may move both ways; no second is in two of them.
    """
    snap = logical.recipe.segment.snap
    if snap is None:
        return cut, {}
    operand = next(check.operand for check in logical.checks if check.name == SNAP)
    speech = known.series(logical.nodes[operand.measure]).get(operand.series or "")
    text = _transcript(logical, known)
    found: list[Snapped] = []
    for parts in _stretches(cut.clips, shots):
        kinds = _quiet(snap, Span(parts[0].start, parts[-1].end), speech, text, known, logical)
        found += _snapped(parts, kinds, snap, logical.recipe.segment.seconds, table)
    clips = tuple(one.span for one in found)
    left = [(span, SNAP) for span in subtract(cut.clips, clips)]
    return (
        Segmentation(clips, tuple(sorted([*cut.rest, *left])), cut.cuts),
        {one.span: one for one in found},
    )


def edge_signals(found: Snapped) -> dict[str, Signal]:
    """What a clip's ends lie at, as signals."""
    return {"snap.start": Signal(found.start.value), "snap.end": Signal(found.end.value)}


def _transcript(logical: LogicalPlan, known: Known) -> TextTrack | None:
    if logical.transcript is None:
        return None
    track = known.track(*logical.transcript)
    return track if isinstance(track, TextTrack) else None


def _stretches(clips: Sequence[Span], shots: Sequence[Shot]) -> list[list[Span]]:
    """Clips, those that meet inside a shot together: they are parts of one stretch."""
    cuts = {shot.span.start for shot in shots}
    group, groups = 0, [0] if clips else []
    for before, after in pairwise(clips):
        group += before.end != after.start or after.start in cuts
        groups.append(group)
    pairs = zip(groups, clips, strict=True)
    return [[clip for _, clip in part] for _, part in groupby(pairs, key=lambda pair: pair[0])]


def _quiet(
    snap: SnapSpec,
    span: Span,
    speech: Series | None,
    text: TextTrack | None,
    known: Known,
    logical: LogicalPlan,
) -> list[Quiet]:
    """Where clips of a stretch may begin and end, the best kind first.

    Speech is looked at in the stretch's own tiles alone: beyond them it depends on earlier builds what is known.
    """
    first, last = (Tiles.covering([span]).ranges[index] for index in (0, -1))
    near = Span(first.span.start, last.span.end)
    pause = Fraction(str(snap.pause_seconds))
    heard = None if speech is None else of_speech(speech.within(near), pause_seconds=pause)
    kinds = [] if heard is None else [heard]
    if text is not None and logical.transcript is not None:
        clock = known.clock(logical.transcript[0])
        kinds.insert(0, of_sentences(text, clock, pauses=heard))
    return kinds


def _snapped(
    parts: Sequence[Span],
    kinds: Sequence[Quiet],
    snap: SnapSpec,
    seconds: SecondsSpec,
    table: FrameTable,
) -> list[Snapped]:
    """The parts of one stretch, from the first to the last: each takes what the one before it left."""
    shortest, longest = Fraction(str(seconds.min)), Fraction(str(seconds.max))
    within = Fraction(str(snap.within_seconds))
    out: list[Snapped] = []
    for part, after in pairwise([*parts, None]):
        assert part is not None, "only what follows the last part is missing"
        free = out[-1].span.end if out else part.start
        # What follows must still be long enough when nothing is found for it.
        limit = part.end if after is None else max(part.end, after.end - shortest)
        allowed = Span(free, limit)
        found = snapped(
            Span(max(part.start, free), part.end),
            [one.within(allowed, lambda at: table.time(table.index_at(at))) for one in kinds],
            found=part,
            within_seconds=within,
            min_seconds=shortest,
            max_seconds=longest,
        )
        out.append(found)
    return out
