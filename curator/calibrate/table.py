"""Each threshold on its own: what it lets through, what it stops, and what it alone decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from curator.calibrate.bounds import Bound, Values, bounds_of, values_in, without
from curator.calibrate.score import Score, score
from curator.calibrate.trial import Bench
from curator.model.signal import Signal
from curator.plan.checks import Check, Said, Scope
from curator.plan.physical import Plan
from curator.plan.verdicts import Verdicts

__all__ = ["BoundReport", "ThresholdReport", "thresholds"]

_TIGHTEST = 5  # percentile of the right values that is shown as their margin


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundReport:
    """One number of a threshold against labelled footage."""

    path: str
    value: float
    unit: str
    right_pass: float | None
    """Share of right values (samples, or clips) that meet it; None where there is none."""
    wrong_pass: float | None
    """Share of wrong values that meet it: 1 stops nothing."""
    right_margin: float | None
    """Distance of the right value that is nearer to the bound than 95 % of them; negative: beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdReport:
    """One condition of the recipe."""

    name: str
    about: str
    bounds: tuple[BoundReport, ...]
    right_pass: float | None
    """Share of right values that meet the condition; None where it is judged for whole videos."""
    wrong_pass: float | None
    alone_costs_seconds: float
    """Right seconds that would be kept if only this condition were off."""
    alone_stops_seconds: float
    """Wrong seconds that would be kept if only this condition were off."""


def thresholds(
    plan: Plan, bench: Bench, verdicts: Sequence[Verdicts], whole: Score
) -> list[ThresholdReport]:
    """Every condition, in the order in which footage meets them."""
    bounds = bounds_of(plan)
    out = []
    for check in plan.logical.checks:
        if not check.is_bounded:
            continue  # it says where clips begin and end, and stops nothing
        off = score(bench.videos, bench.kept(without(plan.recipe, check)))
        right, wrong = _values(check, plan, bench, verdicts)
        out.append(
            ThresholdReport(
                name=check.name,
                about=check.about,
                bounds=tuple(_bound(b, right, wrong) for b in bounds if b.check is check),
                right_pass=_passing(check, right),
                wrong_pass=_passing(check, wrong),
                alone_costs_seconds=float(max(Fraction(0), off.hit - whole.hit)),
                alone_stops_seconds=float(
                    max(Fraction(0), (off.kept - off.hit) - (whole.kept - whole.hit))
                ),
            )
        )
    return out


def _values(
    check: Check, plan: Plan, bench: Bench, verdicts: Sequence[Verdicts]
) -> tuple[Values, Values]:
    """What the condition judges in right and in wrong footage."""
    seen = [video.seen for video in bench.videos]
    right = [video.right for video in bench.videos]
    wrong = [video.wrong for video in bench.videos]
    if check.scope is Scope.video:
        return np.empty(0), np.empty(0)
    return (
        values_in(check, plan, seen, verdicts, right),
        values_in(check, plan, seen, verdicts, wrong),
    )


def _passing(check: Check, values: Values) -> float | None:
    if not len(values):
        return None
    held = sum(check.judge(Signal(value)).said is Said.holds for value in values.tolist())
    return held / len(values)


def _bound(bound: Bound, right: Values, wrong: Values) -> BoundReport:
    sign = 1.0 if bound.keeps_above else -1.0
    margins = sign * (bound.folded(right) - bound.value)
    beyond = sign * (bound.folded(wrong) - bound.value)
    return BoundReport(
        path=bound.path,
        value=bound.value,
        unit=bound.check.operand.unit,
        right_pass=float((margins >= 0).mean()) if len(right) else None,
        wrong_pass=float((beyond >= 0).mean()) if len(wrong) else None,
        right_margin=float(np.percentile(margins, _TIGHTEST)) if len(right) else None,
    )
