"""What selection leaves of what the thresholds keep: copies fall, and what is over a quota."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from curator.calibrate.score import Score, kept_spans, score
from curator.calibrate.trial import Labelled
from curator.engine.settled import SAME_CONTENT
from curator.engine.words import duration
from curator.model.clip import Decision
from curator.model.span import Span, intersection, total_seconds
from curator.plan.verdicts import Verdicts

__all__ = ["Released", "score_released", "set_aside", "told"]

_COPIES = ("distinct", SAME_CONTENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """How what a build would release compares with labels, and what the thresholds kept for nothing.

    A right second that fell as a copy is no mistake: its twin stays, and says the same. So copies
    count for nothing in `score`. What is over a quota counts as lost: the recipe wants it so.
    """

    score: Score
    right: Mapping[str, Fraction]
    """Right seconds that every threshold keeps, by what dropped them: ``distinct``, ``balance.NAME``,
    ``same-content``."""
    wrong: Mapping[str, Fraction]
    """The same of wrong seconds."""

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        return {
            "precision": self.score.precision,
            "recall": self.score.recall,
            "seconds_right": float(self.score.right),
            "seconds_kept": float(self.score.kept),
            "seconds_hit": float(self.score.hit),
            "right_set_aside": {name: float(s) for name, s in self.right.items()},
            "wrong_set_aside": {name: float(s) for name, s in self.wrong.items()},
        }

    def lines(self) -> list[str]:
        """The report for people; nothing where selection changes nothing."""
        if not self.right and not self.wrong:
            return []
        one = self.score
        shares = ", ".join(
            f"{name} {'-' if value is None else f'{value:.3f}'}"
            for name, value in (("precision", one.precision), ("recall", one.recall))
        )
        kept = duration(float(one.kept))
        out = [f"  a build would release {kept} of it: {shares} (copies count for nothing)"]
        out += [f"  right, and {told(n)}: {duration(float(s))}" for n, s in self.right.items()]
        out += [f"  wrong, and {told(n)}: {duration(float(s))}" for n, s in self.wrong.items()]
        return out


def set_aside(kept: Verdicts, left: Verdicts) -> dict[str, tuple[Span, ...]]:
    """What thresholds keep and selection does not, by what dropped it, in the order of time.

    Args:
        kept: the verdicts of the thresholds.
        left: the same video's, as a build releases them.
    """
    before = kept_spans(kept)
    out: dict[str, tuple[Span, ...]] = {}
    for row in left.rows:
        gone = () if row.decision is Decision.kept else intersection((row.span,), before)
        if gone:
            name = row.threshold or row.reason
            out[name] = (*out.get(name, ()), *gone)
    return out


def score_released(
    videos: Sequence[Labelled], kept: Sequence[Verdicts], left: Sequence[Verdicts]
) -> Released:
    """The score of what a build would release of labelled videos.

    Args:
        kept: the verdicts of the thresholds on each.
        left: the same, as a build releases them.
    """
    right: dict[str, Fraction] = {}
    wrong: dict[str, Fraction] = {}
    for video, before, after in zip(videos, kept, left, strict=True):
        for name, spans in set_aside(before, after).items():
            for total, truth in ((right, video.right), (wrong, video.wrong)):
                seconds = total_seconds(intersection(spans, truth))
                if seconds:
                    total[name] = total.get(name, Fraction(0)) + seconds
    whole = score(videos, [kept_spans(one) for one in left])
    copies = sum((right.get(name, Fraction(0)) for name in _COPIES), Fraction(0))
    return Released(
        score=dataclasses.replace(whole, right=whole.right - copies),
        right=dict(sorted(right.items())),
        wrong=dict(sorted(wrong.items())),
    )


def told(name: str) -> str:
    """What dropped a clip, in words."""
    if name == "distinct":
        return "a copy of a clip that stays (distinct)"
    if name == SAME_CONTENT:
        return "in a file that lies at another place too (same-content)"
    return f"over the quota {name}"
