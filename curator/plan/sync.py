"""What must agree with the pictures: the alignments of a plan, and what is made of measured offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from curator.abc.aligner import Aligner, TrackKind
from curator.model.outcome import Failure
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.sync import Clock, Offset
from curator.spec.operand import key_settings
from curator.spec.recipe import Absent, AlignSpec, Otherwise

__all__ = ["SYNC_SIGNALS", "Agreement", "Alignment", "KnownSync", "Question", "agree"]

SYNC_SIGNALS: Mapping[str, tuple[str, str]] = {
    "offset_seconds": ("s", "how late the track is by its declared clock; positive: late"),
    "offset_after_seconds": ("s", "what is left of the offset after the repair, measured again"),
    "shift_seconds": ("s", "by how much the track was moved earlier"),
    "drift": ("ratio", "how much later the track gets per second, as measured"),
    "confidence": ("", "how far the offset stands out of others, in the aligner's unit"),
}
"""Columns of the proof, below ``sync.TRACK``: unit and meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """One entry of the recipe's `align`, with its aligner."""

    name: str
    """As in the recipe: ``audio``, or a sidecar's track."""
    role: str | None
    """The sidecar that holds the track; None for the sound of the video itself."""
    track: str
    """Which of the sidecar's tracks; empty where it holds one."""
    spec: AlignSpec
    aligner: Aligner
    nodes: Mapping[str, str]
    """Operator that the aligner asks for to the node of the plan that runs it."""

    @property
    def search_seconds(self) -> Fraction:
        """How far an offset is looked for."""
        given = self.spec.search_seconds
        bound = Fraction(str(self.spec.max_offset_seconds))
        return 2 * bound if given is None else Fraction(str(given))

    @property
    def kinds(self) -> frozenset[TrackKind]:
        """Kinds of tracks that it can be put to."""
        return self.aligner.kinds

    def around(self, span: Span, whole: Span) -> Span:
        """The footage that an estimate looks at: the clip, and as far beyond as the track may be off."""
        start = max(whole.start, span.start - self.search_seconds)
        return Span(start, min(whole.end, span.end + self.search_seconds))

    def document(self) -> dict[str, Any]:
        """What of the aligner goes into a key."""
        return {
            "op": self.aligner.name,
            "version": self.aligner.version,
            "params": key_settings(self.aligner),
        }

    @property
    def about(self) -> str:
        """The bound in words."""
        spec = self.spec
        sure = f", confidence >= {spec.min_confidence:g}" if spec.min_confidence else ""
        repair = ", repaired" if spec.repair else ""
        return f"|offset| <= {spec.max_offset_seconds:g} s{repair}{sure} ({self.aligner.name})"


@dataclass(frozen=True, slots=True)
class Question:
    """An offset that must be measured: of one track, in one clip, by one clock."""

    name: str
    """Of the alignment."""
    span: Span
    clock: Clock
    search_seconds: Fraction | None = None
    """How far the offset is looked for; None: as the alignment says."""


class KnownSync(Protocol):
    """What is known of the tracks of one video."""

    def declared(self, alignment: Alignment) -> Clock | None:
        """The track's clock as the recipe declares it; None when this video has no such track."""
        ...

    def offset(self, alignment: Alignment, question: Question) -> Offset | Failure | None:
        """What was measured; None when nobody asked yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What came of one alignment in one clip."""

    reason: str = "ok"
    """``ok``, ``NAME:out-of-sync``, ``NAME:unsure``, ``NAME:absent`` or ``NAME:<why there is no offset>``."""
    holds: bool = True
    unscored: bool = False
    margin: float | None = None
    """Of the accepted offset, seconds; negative when it is beyond the bound."""
    clock: Clock | None = None
    """By which the track is released; None when there is no track."""
    signals: Mapping[str, Signal] = field(default_factory=dict)


def agree(
    alignment: Alignment, span: Span, fps: float, known: KnownSync, line: Clock | None = None
) -> Agreement | Question | Failure:
    """Put one alignment to one clip: its outcome, the next thing to measure, or why it cannot be.

    `line` is the clock of the whole pair, where one was found: then the clip's own offset is measured by
    that, and `max_offset_seconds` is for what is left without the drift.
    """
    declared = known.declared(alignment)
    if declared is None:
        return _unknown(alignment, None, Offset(seconds=None, absent="absent"), _Moved())
    middle = (span.start + span.end) / 2
    moved, clock = _Moved.of(declared, line, middle), line or declared
    asked = Question(alignment.name, span, clock)
    before = known.offset(alignment, asked)
    if before is None:
        return asked
    if isinstance(before, Failure):
        return before
    spec = alignment.spec
    if before.seconds is None or before.confidence < spec.min_confidence:
        return _unknown(alignment, clock, before, moved)
    residual = spec.residual_seconds or 0.5 / fps
    margin = spec.max_offset_seconds - abs(moved.start + before.seconds)
    # What is within the residual stays as it is: a repair would only add the aligner's own noise.
    if margin < 0 or not spec.repair or abs(before.seconds) <= residual:
        return _decided(alignment, clock, before, before, moved, holds=margin >= 0, margin=margin)
    repaired = clock.corrected(before, middle)
    again = Question(alignment.name, span, repaired)
    after = known.offset(alignment, again)
    if after is None:
        return again
    if isinstance(after, Failure):
        return after
    holds = after.seconds is not None and abs(after.seconds) <= residual
    return _decided(alignment, repaired, before, after, moved, holds=holds, margin=margin)


@dataclass(frozen=True, slots=True)
class _Moved:
    """What the clock of the whole pair says of a clip, before anything is measured of it."""

    start: float = 0.0
    """How late the track is when the video begins, by its declared clock."""
    late: float = 0.0
    """The same in the middle of the clip."""
    drift: float | None = None

    @staticmethod
    def of(declared: Clock, line: Clock | None, middle: Fraction) -> _Moved:
        if line is None:
            return _Moved()
        return _Moved(
            start=float(declared.on_video(line.on_track(Fraction(0)))),
            late=float(declared.on_video(line.on_track(middle)) - middle),
            drift=float(line.rate / declared.rate - 1),
        )


def _unknown(alignment: Alignment, clock: Clock | None, found: Offset, moved: _Moved) -> Agreement:
    """No offset can be told, or nobody can be sure of it: the track stays where the whole pair puts it,
    or as it is declared."""
    spec = alignment.spec
    slug = found.absent or "unsure"
    holds = spec.absent is Absent.keep
    return Agreement(
        reason="ok" if holds else f"{alignment.name}:{slug}",
        holds=holds,
        unscored=spec.absent is Absent.unscored,
        margin=None if found.absent else found.confidence - spec.min_confidence,
        clock=clock,
        signals=_signals(alignment, found, found, moved, shift=moved.late, absent=slug),
    )


def _decided(
    alignment: Alignment,
    clock: Clock,
    before: Offset,
    after: Offset,
    moved: _Moved,
    *,
    holds: bool,
    margin: float,
) -> Agreement:
    shift = moved.late + ((before.seconds or 0.0) if after is not before else 0.0)
    ok = holds or alignment.spec.otherwise is Otherwise.keep
    return Agreement(
        reason="ok" if ok else f"{alignment.name}:out-of-sync",
        holds=ok,
        margin=margin,
        clock=clock,
        signals=_signals(alignment, before, after, moved, shift=shift, absent=None),
    )


def _signals(
    alignment: Alignment,
    before: Offset,
    after: Offset,
    moved: _Moved,
    *,
    shift: float,
    absent: str | None,
) -> dict[str, Signal]:
    def seconds(offset: Offset, more: float = 0.0) -> Signal:
        if offset.seconds is None:
            return Signal(None, absent=offset.absent or absent or "unknown")
        return Signal(offset.seconds + more)

    place = f"sync.{alignment.name}"
    drift = moved.drift if moved.drift is not None else before.drift
    return {
        f"{place}.offset_seconds": seconds(before, moved.late),
        f"{place}.offset_after_seconds": seconds(after),
        f"{place}.shift_seconds": Signal(shift),
        f"{place}.drift": Signal(drift, absent=None if drift is not None else "too-short"),
        f"{place}.confidence": Signal(before.confidence)
        if before.seconds is not None
        else Signal(None, absent=before.absent or "unknown"),
    }
