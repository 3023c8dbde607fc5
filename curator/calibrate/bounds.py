"""The numbers of a recipe that can be moved, and recipes with one of them moved."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curator.engine.inspect import Seen
from curator.model.clip import Unit
from curator.model.span import Span
from curator.plan.checks import Check, Scope
from curator.plan.physical import Plan
from curator.plan.told import known_series
from curator.plan.verdicts import Verdicts
from curator.spec.recipe import Condition, Recipe
from curator.spec.told import track_of

__all__ = ["Bound", "Values", "bounds_of", "moved", "values_in", "without"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One number of one condition."""

    check: Check
    side: str
    """``min``, ``max`` or ``abs_max``."""
    value: float

    @property
    def path(self) -> str:
        """Where it is written: ``keep.voice.min``, ``segment.where.frontal.abs_max``."""
        return f"{_path(self.check.name)}.{self.side}"

    @property
    def keeps_above(self) -> bool:
        """Whether larger values pass."""
        return self.side == "min"

    def rounded(self, value: float) -> float:
        """`value` to three digits, on the side that lets it through."""
        if value == 0 or not math.isfinite(value):
            return 0.0
        step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
        steps = value / step
        whole = math.floor(steps + 1e-9) if self.keeps_above else math.ceil(steps - 1e-9)
        return float(f"{whole * step:.6g}")

    def folded(self, values: Values) -> Values:
        """What the bound is compared with: absolute values for ``abs_max``."""
        return np.abs(values) if self.side == "abs_max" else values


def bounds_of(plan: Plan) -> list[Bound]:
    """Every movable bound of frame and clip conditions, in recipe order; equalities stay as they are."""
    out = []
    for check in plan.logical.checks:
        if check.scope is Scope.video or not check.is_bounded:
            continue
        condition = _condition(plan.recipe, check.name)
        for side in ("min", "max", "abs_max"):
            value = getattr(condition, side)
            if value is not None:
                out.append(Bound(check=check, side=side, value=float(value)))
    return out


def moved(recipe: Recipe, changes: Mapping[str, float]) -> Recipe:
    """The recipe with other numbers, by the paths of their bounds."""
    for path, value in changes.items():
        name, _, side = path.rpartition(".")
        recipe = _with(recipe, name, {side: value})
    return recipe


def without(recipe: Recipe, check: Check) -> Recipe:
    """The recipe without one condition."""
    section, _, name = check.name.partition(".")
    kept = {k: v for k, v in _section(recipe, section).items() if k != name}
    return _replaced(recipe, section, kept)


def values_in(
    check: Check,
    plan: Plan,
    videos: Sequence[Seen],
    verdicts: Sequence[Verdicts],
    spans: Sequence[Sequence[Span]] | None = None,
) -> Values:
    """What a condition judges, inside `spans` of each video (everywhere when None).

    Samples of the series for a frame condition, one value per clip for the others: clips that lie
    for the greater part in `spans`.
    """
    out: list[float] = []
    for number, seen in enumerate(videos):
        within = None if spans is None else spans[number]
        if check.scope is Scope.frame:
            out += _samples(check, plan, seen, within)
        else:
            out += _of_clips(check, verdicts[number], within)
    values = np.array(out, np.float64)
    return values[np.isfinite(values)]


def _samples(check: Check, plan: Plan, seen: Seen, within: Sequence[Span] | None) -> list[float]:
    operand = check.operand
    if track_of(operand) is not None:
        series = known_series(operand, seen.known)
    else:
        series = seen.known.series(plan.nodes[operand.measure]).get(operand.series or "")
    if series is None:
        return []
    parts = [series] if within is None else [series.within(span) for span in within]
    return [float(v) for part in parts for v in part.values.astype(np.float64)]


def _of_clips(check: Check, verdicts: Verdicts, within: Sequence[Span] | None) -> list[float]:
    out = []
    for row in verdicts.rows:
        signal = row.signals.get(check.column)
        if row.unit is not Unit.clip or signal is None or not isinstance(signal.value, int | float):
            continue
        if within is not None:
            inside = sum((part.seconds for s in within if (part := row.span.clip(s))), 0)
            if 2 * inside < row.span.seconds:
                continue
        out.append(float(signal.value))
    return out


def _path(name: str) -> str:
    return f"segment.{name}" if name.startswith("where.") else name


def _condition(recipe: Recipe, name: str) -> Condition:
    section, _, own = name.removeprefix("segment.").partition(".")
    return _section(recipe, section)[own]


def _section(recipe: Recipe, section: str) -> Mapping[str, Condition]:
    return recipe.segment.where if section == "where" else recipe.keep


def _with(recipe: Recipe, path: str, changes: Mapping[str, Any]) -> Recipe:
    section, _, name = path.removeprefix("segment.").partition(".")
    conditions = dict(_section(recipe, section))
    conditions[name] = dataclasses.replace(conditions[name], **changes)
    return _replaced(recipe, section, conditions)


def _replaced(recipe: Recipe, section: str, conditions: Mapping[str, Condition]) -> Recipe:
    if section == "where":
        segment = dataclasses.replace(recipe.segment, where=conditions)
        return dataclasses.replace(recipe, segment=segment)
    return dataclasses.replace(recipe, keep=conditions)
