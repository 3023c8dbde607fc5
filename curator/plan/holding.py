"""What facts say of a stretch: their series in it, where a condition holds, and why there are none."""

from __future__ import annotations

from collections.abc import Mapping

from curator.model.outcome import Failure
from curator.model.series import Series
from curator.model.signal import Support
from curator.model.span import Span
from curator.model.tile import Tiles
from curator.plan.checks import Check
from curator.plan.logical import Node
from curator.plan.physical import Plan
from curator.plan.verdicts import Known
from curator.segment.clips import holds
from curator.spec.recipe import Absent

__all__ = ["first_failure", "holding", "series_inside", "support_of"]


def holding(
    check: Check,
    series: Series | None,
    pieces: tuple[Span, ...],
    covered: tuple[Span, ...],
    support: Support,
) -> tuple[Span, ...]:
    """The parts of `pieces` and `covered` where the series is within the check's bounds.

    Without a series that is nothing, or with ``absent: keep`` all that is covered.
    """
    keeps = check.absent is Absent.keep
    if series is None:
        return covered if keeps else ()
    return holds(
        series,
        pieces,
        covered,
        low=check.low,
        high=check.high,
        equals=check.equals if isinstance(check.equals, int | float) else None,
        absent_keeps=keeps,
        support=support,
    )


def support_of(node: Node, check: Check) -> Support:
    """What one value of the check's series speaks for."""
    return next(s.support for s in node.measure.series if s.name == check.operand.series)


def series_inside(node: Node, span: Span, known: Known) -> dict[str, Series]:
    """The node's series inside one span; a pair series without the value that looks outside."""
    series = known.series(node)
    return {
        spec.name: series[spec.name].within(span, skip_first=spec.support is Support.pair)
        for spec in node.measure.series
        if spec.name in series
    }


def first_failure(plan: Plan, wanted: Mapping[str, Tiles], known: Known) -> Failure | None:
    """Of what is wanted, the first of which a build recorded that it cannot be had."""
    failures = (known.failure(plan.nodes[name], tiles) for name, tiles in wanted.items())
    return next((failure for failure in failures if failure is not None), None)
