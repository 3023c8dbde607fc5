"""The funnel: how footage becomes clips, in hours, step by step in the order in which it falls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from curator.model.clip import Decision, Row, Unit
from curator.model.outcome import FunnelStep, Outcome
from curator.plan.checks import Check, Scope
from curator.plan.crop import NO_SUBJECT
from curator.plan.physical import Plan
from curator.spec.recipe import BalanceSpec

__all__ = ["funnel", "selection_steps"]

_SEGMENT = {
    "transition": "blended frames at gradual transitions",
    "trim": "left out at both ends of every shot",
    "too-long": "one frame shown longer than the longest clip",
}


def funnel(
    plan: Plan,
    outcomes: Sequence[Outcome],
    comeback: Mapping[str, tuple[Fraction, int]],
) -> tuple[FunnelStep, ...]:
    """The steps of a build; each begins with what the one before let through.

    Args:
        comeback: condition to (seconds, clips) that it alone cost, as the evaluator found.
    """
    rows = [row for outcome in outcomes for row in outcome.rows]
    fallen = _fallen(rows)
    seconds = sum((row.seconds for row in rows), Fraction(0))
    clips = sum(row.unit is Unit.clip for row in rows)
    out: list[FunnelStep] = []
    for name, about, counts_clips in _steps(plan):
        lost_seconds, lost_clips = fallen.get(name, (Fraction(0), 0))
        back = comeback.get(name)
        out.append(
            FunnelStep(
                name=name,
                about=about,
                seconds_in=float(seconds),
                seconds_out=float(seconds - lost_seconds),
                clips_in=clips if counts_clips else None,
                clips_out=clips - lost_clips if counts_clips else None,
                unique_seconds=None if back is None else float(back[0]),
                unique_clips=back[1] if back is not None and counts_clips else None,
            )
        )
        seconds -= lost_seconds
        clips -= lost_clips if counts_clips else 0
    return tuple(out)


def selection_steps(plan: Plan) -> Iterator[tuple[str, str]]:
    """(name, what it asks in words) of what is decided over all videos at once, in order."""
    distinct = plan.recipe.distinct
    if distinct is not None:
        ways = [f"pictures within {distinct.max_distance:g}"] if distinct.pictures else []
        ways += [f"{v.of} within {v.max_distance:g}" for v in distinct.vectors.values()]
        mirrored = ", mirrored too" if distinct.mirror else ""
        before = f", nor in {', '.join(distinct.against)}" if distinct.against else ""
        yield "distinct", f"no copy ({' or '.join(ways)}{mirrored}){before}"
    for name, quota in plan.recipe.balance.items():
        yield f"balance.{name}", _quota(quota)


def _quota(quota: BalanceSpec) -> str:
    limits = []
    if quota.max_seconds is not None:
        limits.append(f"{quota.max_seconds:g} s")
    if quota.max_clips is not None:
        limits.append(f"{quota.max_clips} clips")
    if quota.max_share is not None:
        limits.append(f"{quota.max_share:.0%} of all")
    edges = f" cut at {', '.join(f'{edge:g}' for edge in quota.buckets)}" if quota.buckets else ""
    return f"at most {' and '.join(limits)} for each {quota.by}{edges}"


def _steps(plan: Plan) -> Iterable[tuple[str, str, bool]]:
    """(name, about, whether clips are counted), in the order of the passes."""
    yield "unscored", "something failed, so nobody can say", False
    yield "same-content", "the same bytes at another url, which counts", False
    for check in plan.logical.scoped(Scope.video):
        yield check.name, check.about, False
    for name, about in _SEGMENT.items():
        yield name, about, False
    for check in _by_stage(plan, Scope.frame):
        yield check.name, check.about, False
    shortest = plan.recipe.segment.seconds.min
    yield "too-short", f"all conditions hold, for less than {shortest:g} s", False
    for check in _by_stage(plan, Scope.clip):
        yield check.name, check.about, True
    for alignment in plan.logical.alignments:
        yield f"align.{alignment.name}", alignment.about, True
    if plan.recipe.sample.video is not None and plan.recipe.sample.video.crop is not None:
        yield NO_SUBJECT, "what the crop follows is seen", True
    for name, about in selection_steps(plan):
        yield name, about, True


def _by_stage(plan: Plan, scope: Scope) -> list[Check]:
    stages = {name: p.index for p in plan.passes for name in p.checks}
    return sorted(plan.logical.scoped(scope), key=lambda check: stages[check.name])


def _fallen(rows: Iterable[Row]) -> dict[str, tuple[Fraction, int]]:
    out: dict[str, tuple[Fraction, int]] = {}
    for row in rows:
        if row.decision is Decision.kept:
            continue
        name = row.threshold or row.reason
        if row.decision is Decision.unscored:
            name = row.threshold or "unscored"
        seconds, clips = out.get(name, (Fraction(0), 0))
        out[name] = (seconds + row.seconds, clips + (row.unit is Unit.clip))
    return out
