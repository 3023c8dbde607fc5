"""`curator tune`: bounds for a target yield, solved on stored facts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curator.calibrate.bounds import Bound, Values, bounds_of, moved, values_in
from curator.calibrate.released import set_aside, told
from curator.calibrate.trial import verdicts_of
from curator.engine.compile import plan_for
from curator.engine.footage import videos_of
from curator.engine.inspect import Seen, look_at, open_store
from curator.engine.settled import once, released
from curator.engine.words import duration, fields
from curator.errors import SourceError, UsageError
from curator.model.clip import Decision, Row
from curator.model.span import Span, total_seconds
from curator.plan.physical import Plan, make_plan
from curator.plan.verdicts import NOT_MEASURED, Verdicts
from curator.spec.recipe import Recipe
from curator.spec.settings import Settings

__all__ = ["Curve", "TuneReport", "tune"]

_ROUNDS = 14
_CLOSE = 0.01  # of the target
_TIGHTNESS = (-1.0, -0.5, 0.0, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Yield as one bound moves and all others stay: off, halfway, as it is, halfway to keeping nothing."""

    path: str
    unit: str
    values: tuple[float | None, ...]
    """None: off."""
    hours: tuple[float, ...]
    set_aside_hours: tuple[float, ...]
    """What the thresholds keep and `distinct` or `balance` drops."""
    not_measured_hours: tuple[float, ...]
    """What a build would have to measure before anybody can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneReport:
    """Bounds that yield what was asked for."""

    recipe: str
    target_hours: float
    hours_now: float
    """What a build releases: without copies, and within quotas."""
    hours_then: float
    set_aside_now: dict[str, float]
    """Hours that every threshold keeps, by what dropped them all the same: ``distinct``, ``balance.NAME`` ..."""
    set_aside_then: dict[str, float]
    not_measured_hours: float
    """Of footage that the looser bounds reach: an estimate, until a build has measured it."""
    changes: dict[str, tuple[float, float]]
    """Path to (bound now, bound then)."""
    reached: bool
    curves: tuple[Curve, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        return {
            **fields(self),
            "overrides": self.overrides(),
            "curves": [fields(curve) for curve in self.curves],
        }

    def overrides(self) -> list[str]:
        """The changes as words of a command line."""
        return [f"{path}={then:g}" for path, (_, then) in self.changes.items()]

    def lines(self) -> list[str]:
        """The report for people."""
        out = [
            f"{self.recipe}: {_hours(self.hours_now)} kept now, {_hours(self.target_hours)} asked for"
        ]
        out += _aside(self.set_aside_now)
        if not self.reached:
            out.append("  clips come whole, and these bounds give nothing nearer than this")
        out.append(f"  {_hours(self.hours_then)} with:")
        out += [
            f"    {path}={then:g}   (now {now:g})" for path, (now, then) in self.changes.items()
        ]
        out += _aside(self.set_aside_then)
        if self.not_measured_hours:
            out.append(
                f"  and {_hours(self.not_measured_hours)} more that looser bounds reach and no build has "
                "measured: `curator build` with these overrides would tell"
            )
        out.append("  each bound alone (off, half loosened, now, half tightened):")
        for curve in self.curves:
            steps = " | ".join(
                f"{'off' if value is None else f'{value:g}'}: {_hours(hours)}"
                + (f" (-{_hours(aside)})" if aside else "")
                + (f" +{_hours(new)}?" if new else "")
                for value, hours, aside, new in zip(
                    curve.values,
                    curve.hours,
                    curve.set_aside_hours,
                    curve.not_measured_hours,
                    strict=True,
                )
            )
            out.append(f"    {curve.path:<34} {steps}")
        return out


def tune(
    recipe: Recipe, settings: Settings, *, hours: float, only: Sequence[str] = ()
) -> TuneReport:
    """Move every bound (or those of the conditions `only`) by the same share of its own distribution
    until a build would release `hours`: without copies, and within quotas.

    A bound that a share q of the footage fails becomes one that q (1 + t) of it fails, t from -1
    (nothing fails) to 0, or q + t (1 - q) for t up to 1 (everything fails); t is found by bisection.

    Raises:
        SourceError: ``nothing-measured`` when no build has opened any video.
        UsageError: when `only` names no condition with a bound.
    """
    with open_store(settings) as store:
        plan = plan_for(recipe, settings.engine, store.store, seal=False)
        seen = list(look_at(videos_of(recipe), plan, store.store))
        if not seen:
            raise SourceError(
                "no build has measured this footage yet, so nothing is known of its yield",
                reason="nothing-measured",
                hint=f"curator build {recipe.name} first (or curator test, which measures everything)",
            )
        return _Tuner(recipe, plan, seen, only, out=Path(settings.out)).report(hours)


class _Tuner:
    def __init__(
        self, recipe: Recipe, plan: Plan, seen: Sequence[Seen], only: Sequence[str], *, out: Path
    ) -> None:
        self._recipe, self._plan, self._seen, self._out = recipe, plan, seen, out
        self._counts = once((one.ref, one.fingerprint) for one in seen)
        self._settled: dict[tuple[tuple[Span, ...], ...], tuple[float, dict[str, float]]] = {}
        """By what the thresholds keep of each video: hours released, and hours that each step of selection drops."""
        compiled, verdicts = self._verdicts(recipe)
        self._now = self._yield(compiled, verdicts)
        self._bounds = [b for b in bounds_of(plan) if not only or _named(b, only)]
        if not self._bounds:
            raise UsageError(
                "no condition with a bound is called that",
                reason="usage-no-bound",
                hint=", ".join(dict.fromkeys(b.check.name for b in bounds_of(plan))),
            )
        self._values = {
            b.path: b.folded(values_in(b.check, plan, seen, verdicts)) for b in self._bounds
        }

    def report(self, hours: float) -> TuneReport:
        """Solve, and show what each bound does alone."""
        tightness, got = self._solve(hours)
        changes = self._moves(tightness)
        now = {bound.path: bound.value for bound in self._bounds}
        return TuneReport(
            recipe=self._recipe.name,
            target_hours=hours,
            hours_now=self._now.hours,
            hours_then=got.hours,
            set_aside_now=self._now.set_aside,
            set_aside_then=got.set_aside,
            not_measured_hours=got.not_measured,
            changes={path: (now[path], value) for path, value in changes.items()},
            reached=abs(got.hours - hours) <= 5 * _CLOSE * hours,
            curves=tuple(self._curve(bound) for bound in self._bounds),
        )

    def _solve(self, hours: float) -> tuple[float, _Yield]:
        """The tightness that comes nearest, and the yield there. Clips come whole, so it may not be near."""
        low, high, tightness, got = -1.0, 1.0, 0.0, self._now
        best = (tightness, got)
        for _ in range(_ROUNDS):
            if abs(got.hours - hours) < abs(best[1].hours - hours):
                best = (tightness, got)
            if abs(got.hours - hours) <= _CLOSE * hours:
                break
            low, high = (tightness, high) if got.hours > hours else (low, tightness)
            tightness = (low + high) / 2
            got = self._at(self._moves(tightness))
        return best

    def _moves(self, tightness: float) -> dict[str, float]:
        moves = {b.path: self._move(b, tightness) for b in self._bounds}
        return {b.path: moves[b.path] for b in self._bounds if moves[b.path] != b.value}

    def _move(self, bound: Bound, tightness: float) -> float:
        values = self._values[bound.path]
        if not len(values) or tightness == 0:
            return bound.value
        share = _failing(bound, values)
        share = share * (1 + tightness) if tightness < 0 else share + tightness * (1 - share)
        value = _at_share(bound, values, share)
        # A bound that stops nothing lies beyond all values: looser must not bring it nearer.
        looser = min if bound.keeps_above == (tightness < 0) else max
        return looser(value, bound.value)

    def _curve(self, bound: Bound) -> Curve:
        points: list[tuple[float | None, _Yield]] = []
        for tightness in _TIGHTNESS:
            value = self._move(bound, tightness)
            points.append((None if tightness == -1 else value, self._at({bound.path: value})))
        return Curve(
            path=bound.path,
            unit=bound.check.operand.unit,
            values=tuple(value for value, _ in points),
            hours=tuple(got.hours for _, got in points),
            set_aside_hours=tuple(math.fsum(got.set_aside.values()) for _, got in points),
            not_measured_hours=tuple(got.not_measured for _, got in points),
        )

    def _at(self, changes: dict[str, float]) -> _Yield:
        return self._yield(*self._verdicts(moved(self._recipe, changes)))

    def _verdicts(self, recipe: Recipe) -> tuple[Plan, list[Verdicts]]:
        groups = [one.nodes for one in self._plan.passes[1:]]
        plan = make_plan(recipe, groups=groups)
        return plan, verdicts_of(plan, self._seen)

    def _yield(self, plan: Plan, verdicts: Sequence[Verdicts]) -> _Yield:
        """What a build of this plan releases."""
        # Most bounds are moved without moving a clip, and comparing many clips takes a while.
        kept = tuple(_clips(said) for said in verdicts)
        if kept not in self._settled:
            self._settled[kept] = self._settle(plan, verdicts)
        hours, aside = self._settled[kept]
        rows = [
            row
            for said, counts in zip(verdicts, self._counts, strict=True)
            if counts
            for row in said.rows
        ]
        unknown = _sum(row for row in rows if row.reason == NOT_MEASURED.reason)
        return _Yield(hours=hours, set_aside=aside, not_measured=unknown)

    def _settle(self, plan: Plan, verdicts: Sequence[Verdicts]) -> tuple[float, dict[str, float]]:
        left = released(plan, self._seen, verdicts, out=self._out)
        aside: dict[str, float] = {}
        for before, after in zip(verdicts, left, strict=True):
            for name, spans in set_aside(before, after).items():
                aside[name] = aside.get(name, 0.0) + float(total_seconds(spans)) / 3600
        rows = [row for said in left for row in said.rows]
        hours = _sum(row for row in rows if row.decision is Decision.kept)
        return hours, dict(sorted(aside.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Yield:
    """Hours that bounds give."""

    hours: float
    set_aside: dict[str, float]
    not_measured: float


def _clips(verdicts: Verdicts) -> tuple[Span, ...]:
    return tuple(row.span for row in verdicts.rows if row.decision is Decision.kept)


def _sum(rows: Iterable[Row]) -> float:
    return math.fsum(float(row.seconds) for row in rows) / 3600


def _aside(hours: dict[str, float]) -> list[str]:
    return [
        f"    {_hours(lost)} more pass every threshold, and are {told(name)}"
        for name, lost in hours.items()
    ]


def _named(bound: Bound, only: Sequence[str]) -> bool:
    return any(name in (bound.check.name, bound.check.slug, bound.path) for name in only)


def _failing(bound: Bound, values: Values) -> float:
    """Share of values that the bound stops."""
    if bound.keeps_above:
        return float((values < bound.value).mean())
    return float((values > bound.value).mean())


def _at_share(bound: Bound, values: Values, share: float) -> float:
    """The bound that stops this share of values, to three digits on the side that lets more through."""
    rank = 100 * min(1.0, max(0.0, share))
    value = float(np.percentile(values, rank if bound.keeps_above else 100 - rank))
    return bound.rounded(value)


def _hours(hours: float) -> str:
    return duration(hours * 3600)
