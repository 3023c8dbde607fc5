"""Bounds that would do better: greedy search for F-beta, each step held to cross-validation.

One bound is moved at a time, to the value that helps most on the labelled footage. A step is taken
only when choosing it in the same way on part of the footage helps on the rest, which was not looked
at: otherwise it fits the clips and not the target. Folds are whole videos, or labelled intervals where
there are few videos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

import numpy as np

from curator.calibrate.bounds import Bound, Values, bounds_of, moved, values_in
from curator.calibrate.score import Score, add, score
from curator.calibrate.trial import Bench, Kept, Labelled
from curator.model.span import Span, subtract
from curator.plan.physical import make_plan
from curator.spec.recipe import Recipe

__all__ = ["Suggestion", "suggest"]

FOLDS = 5
_CANDIDATES = 12
_STEPS = 6
_GAIN = 0.005  # F-beta on footage not looked at; less is noise

Folds = list[dict[int, tuple[Span, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One bound moved, after those before it."""

    path: str
    was: float
    value: float
    precision: float | None
    recall: float | None
    f: float
    """F-beta on all labelled footage with this and the steps before."""
    gain: float
    """F-beta gained on footage that the choice did not see."""


def suggest(recipe: Recipe, bench: Bench, *, beta: float) -> list[Suggestion]:
    """Steps worth taking, best first; empty when nothing holds up."""
    folds = _folds(bench.videos)
    changes: dict[str, float] = {}
    out: list[Suggestion] = []
    for _ in range(_STEPS):
        step = _best_step(moved(recipe, changes), bench, folds, beta)
        if step is None:
            return out
        changes[step.path] = step.value
        out.append(step)
    return out


def _best_step(recipe: Recipe, bench: Bench, folds: Folds, beta: float) -> Suggestion | None:
    plan = make_plan(recipe, measure_all=True)
    videos, verdicts = bench.videos, bench.verdicts(recipe)
    now = _by_fold(videos, bench.kept(recipe), folds)
    best: Suggestion | None = None
    for bound in bounds_of(plan):
        seen = [video.seen for video in videos]
        spans = [video.right for video in videos]
        right = bound.folded(values_in(bound.check, plan, seen, verdicts, spans))
        tried = {
            value: _by_fold(videos, bench.kept(moved(recipe, {bound.path: value})), folds)
            for value in _candidates(bound, right)
        }
        step = _judge(bound, now, tried, beta)
        if step is not None and (best is None or step.f > best.f):
            best = step
    return best


def _judge(
    bound: Bound, now: list[Score], tried: Mapping[float, list[Score]], beta: float
) -> Suggestion | None:
    if not tried:
        return None
    whole = _sum(now)
    value = max(tried, key=lambda v: _sum(tried[v]).f(beta))
    after = _sum(tried[value])
    held_out = _held_out(now, tried, beta)
    gain = held_out.f(beta) - whole.f(beta)
    if after.f(beta) <= whole.f(beta) or gain < _GAIN:
        return None
    return Suggestion(
        path=bound.path,
        was=bound.value,
        value=value,
        precision=after.precision,
        recall=after.recall,
        f=after.f(beta),
        gain=gain,
    )


def _held_out(now: list[Score], tried: Mapping[float, list[Score]], beta: float) -> Score:
    """For each fold, the value that is best on the others (or none), judged on the fold."""
    parts = []
    for fold in range(len(now)):

        def rest(scores: list[Score], fold: int = fold) -> float:
            return _sum([one for k, one in enumerate(scores) if k != fold]).f(beta)

        value = max(tried, key=lambda v: rest(tried[v]))
        better = rest(tried[value]) > rest(now)
        parts.append(tried[value][fold] if better else now[fold])
    return _sum(parts)


def _candidates(bound: Bound, right: Values) -> list[float]:
    """Values a bound may take: quantiles of what right footage shows, rounded to read well."""
    if not len(right):
        return []
    ranks = np.linspace(0, 40, _CANDIDATES)
    found = np.percentile(right, ranks if bound.keeps_above else 100 - ranks)
    out = dict.fromkeys(bound.rounded(float(v)) for v in found)
    return [v for v in out if v != bound.value]


def _folds(videos: Sequence[Labelled]) -> Folds:
    """Spans of each fold by position of the video; together they cover every labelled instant once."""
    folds: Folds = [{} for _ in range(FOLDS)]
    if len(videos) >= FOLDS:
        for number, video in enumerate(videos):
            folds[number % FOLDS][number] = (*video.right, *video.wrong)
        return folds
    for number, video in enumerate(videos):
        taken: tuple[Span, ...] = ()
        for k, piece in enumerate(video.pieces):
            own = subtract((piece.span,), taken)
            taken = (*taken, piece.span)
            fold = folds[k % FOLDS]
            fold[number] = (*fold.get(number, ()), *own)
    return folds


def _by_fold(videos: Sequence[Labelled], kept: Kept, folds: Folds) -> list[Score]:
    return [score(videos, kept, only=fold) for fold in folds]


def _sum(scores: Sequence[Score]) -> Score:
    nothing = Score(right=Fraction(0), kept=Fraction(0), hit=Fraction(0))
    return reduce(add, scores, nothing)
