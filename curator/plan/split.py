"""Where stretches of a video become several clips, by what is known of its series and tracks."""

from __future__ import annotations

from collections.abc import Sequence

from curator.model.series import Series
from curator.model.signal import Support
from curator.model.span import Span
from curator.plan.checks import Check
from curator.plan.holding import support_of
from curator.plan.logical import SPLIT, LogicalPlan
from curator.plan.told import known_series
from curator.plan.verdicts import Known
from curator.segment.clips import holds
from curator.segment.split import TOO_LONG, Cut, Dips, Pauses, Way
from curator.spec.recipe import SplitSpec, When
from curator.spec.told import track_of

__all__ = ["about_cut", "ways_of"]


def ways_of(
    logical: LogicalPlan, pieces: Sequence[Span], whole: Span, known: Known
) -> tuple[Way, ...]:
    """The ways of the recipe, in its order; one whose series nobody has, or that has no numbers, cuts nothing.

    Args:
        pieces: clean parts of the shots.
        whole: the video.
    """
    out: list[Way] = []
    for name, split in logical.recipe.segment.split.items():
        check = next(one for one in logical.checks if one.name == f"{SPLIT}{name}")
        series = _series(logical, check, known)
        if series is None:
            continue
        is_long = split.when is When.long
        if split.dip is not None:
            out.append(
                Dips(
                    name=check.name,
                    series=series,
                    ratio=split.dip,
                    floor=split.floor or 0.0,
                    only_long=is_long,
                )
            )
            continue
        node = logical.nodes.get(check.operand.measure)  # none is behind a track
        spans = holds(
            series,
            pieces,
            (whole,),
            low=split.min,
            high=split.max,
            support=Support.frame if node is None else support_of(node, check),
        )
        out.append(Pauses(name=check.name, spans=spans, only_long=is_long))
    return tuple(out)


def about_cut(cut: Cut, logical: LogicalPlan) -> str:
    """Why one clip ends here and the next one begins, in words."""
    if cut.by == TOO_LONG:
        return f"equal parts of more than {logical.recipe.segment.seconds.max:g} s"
    split = logical.recipe.segment.split[cut.by.removeprefix(SPLIT)]
    if cut.peaks is not None:
        before, after = cut.peaks
        return f"{split.of} falls from {before:.3g} to {cut.value:.3g} and rises to {after:.3g}"
    return f"the middle of {cut.inside} s, where {_bounds(split)}"


def _bounds(split: SplitSpec) -> str:
    low = "" if split.min is None else f"{split.min:g} <= "
    high = "" if split.max is None else f" <= {split.max:g}"
    return f"{low}{split.of}{high}"


def _series(logical: LogicalPlan, check: Check, known: Known) -> Series | None:
    if track_of(check.operand) is not None:
        found = known_series(check.operand, known)
    else:
        node = logical.nodes[check.operand.measure]
        found = known.series(node).get(check.operand.series or "")
    return found
