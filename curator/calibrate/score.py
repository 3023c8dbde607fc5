"""Precision, recall and confusion in seconds of footage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from curator.calibrate.trial import Kept, Labelled
from curator.model.clip import Decision
from curator.model.span import Span, intersection, total_seconds, union
from curator.plan.verdicts import Verdicts

__all__ = ["Score", "add", "kept_spans", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How verdicts compare with labels. Seconds that no label covers count for nothing."""

    right: Fraction
    """Labelled right, seconds."""
    kept: Fraction
    """Kept, of all labelled seconds."""
    hit: Fraction
    """Kept and right."""

    @property
    def precision(self) -> float | None:
        """Share of what was kept that is right; None when nothing was kept."""
        return float(self.hit / self.kept) if self.kept else None

    @property
    def recall(self) -> float | None:
        """Share of what is right that was kept."""
        return float(self.hit / self.right) if self.right else None

    def f(self, beta: float) -> float:
        """F-beta: recall counts `beta` times as much as precision; 0 when nothing right was kept."""
        if not self.hit:
            return 0.0
        precision, recall = self.precision or 0.0, self.recall or 0.0
        return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


@dataclass(slots=True)
class Confusion:
    """Where seconds went that should have gone elsewhere."""

    kept_wrong: dict[str, Fraction] = field(default_factory=dict)
    """What is wrong to seconds that were kept all the same."""
    lost: dict[str, Fraction] = field(default_factory=dict)
    """Reason to right seconds that it dropped."""
    stopped: dict[str, dict[str, Fraction]] = field(default_factory=dict)
    """What is wrong to (reason to seconds that it dropped)."""

    def see(self, video: Labelled, verdicts: Verdicts) -> None:
        """Count one video."""
        for row in verdicts.rows:
            right = total_seconds(intersection((row.span,), video.right))
            wrong = video.why((row.span,))
            if row.decision is Decision.kept:
                for why, seconds in wrong.items():
                    self.kept_wrong[why] = self.kept_wrong.get(why, Fraction(0)) + seconds
                continue
            reason = row.threshold or row.reason
            if right:
                self.lost[reason] = self.lost.get(reason, Fraction(0)) + right
            for why, seconds in wrong.items():
                inner = self.stopped.setdefault(why, {})
                inner[reason] = inner.get(reason, Fraction(0)) + seconds


def kept_spans(verdicts: Verdicts) -> tuple[Span, ...]:
    """What was kept of one video."""
    return union(row.span for row in verdicts.rows if row.decision is Decision.kept)


def score(
    videos: Sequence[Labelled],
    kept: Kept,
    *,
    only: Mapping[int, Sequence[Span]] | None = None,
) -> Score:
    """The score over all videos, or over the spans `only` of each (by position)."""
    total = Score(right=Fraction(0), kept=Fraction(0), hit=Fraction(0))
    for number, (video, spans) in enumerate(zip(videos, kept, strict=True)):
        right, wrong = video.right, video.wrong
        if only is not None:
            within = only.get(number, ())
            right, wrong = intersection(right, within), intersection(wrong, within)
        hit = total_seconds(intersection(spans, right))
        missed = total_seconds(intersection(spans, wrong))
        total = add(total, Score(right=total_seconds(right), kept=hit + missed, hit=hit))
    return total


def add(one: Score, other: Score) -> Score:
    """Both together."""
    return Score(right=one.right + other.right, kept=one.kept + other.kept, hit=one.hit + other.hit)
