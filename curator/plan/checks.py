"""Conditions at work: a bound on a series or a signal, and what it says."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curator.model.signal import Signal
from curator.spec.operand import Operand
from curator.spec.recipe import Absent, Condition

__all__ = ["Check", "Judgement", "Said", "Scope"]


class Scope(enum.Enum):
    """How much of a video one judgement is about; it decides how early it can be made."""

    video = "video"
    """Container facts: judged before anything is decoded."""
    frame = "frame"
    """Frame by frame: decides where clips are."""
    clip = "clip"
    """Clip by clip, once clips are found."""


class Said(enum.Enum):
    """What a check says of one signal."""

    holds = "holds"
    fails = "fails"
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer of one check."""

    said: Said
    reason: str
    """``ok``, or ``NAME:low``, ``NAME:high``, ``NAME:other``, or ``NAME:<why there is no value>``."""
    margin: float | None
    """Distance to the nearest bound in the signal's unit, negative when it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A condition of the recipe with its operand resolved."""

    name: str
    """Dotted place in the recipe: ``where.frontal``, ``keep.voice``."""
    operand: Operand
    scope: Scope
    low: float | None
    high: float | None
    equals: float | str | None
    absent: Absent
    expect: float | None = None
    """Share that the recipe expects it to let through; only the order of passes depends on it."""

    @staticmethod
    def of(name: str, condition: Condition, operand: Operand, scope: Scope) -> Check:
        """The check that a recipe's condition describes."""
        low, high = condition.min, condition.max
        if condition.abs_max is not None:
            low = max(-condition.abs_max, low if low is not None else -condition.abs_max)
            high = min(condition.abs_max, high if high is not None else condition.abs_max)
        return Check(
            name=name,
            operand=operand,
            scope=scope,
            low=low,
            high=high,
            equals=condition.equals,
            absent=condition.absent,
            expect=condition.expect,
        )

    @staticmethod
    def unbounded(name: str, operand: Operand) -> Check:
        """A frame-level check that every value passes, and no value as well."""
        return Check(
            name=name,
            operand=operand,
            scope=Scope.frame,
            low=None,
            high=None,
            equals=None,
            absent=Absent.keep,
        )

    @property
    def is_bounded(self) -> bool:
        """Whether there is a value that it does not let through."""
        return (self.low, self.high, self.equals) != (None, None, None)

    @property
    def slug(self) -> str:
        """The name inside its section, which starts every reason."""
        return self.name.partition(".")[2]

    @property
    def column(self) -> str:
        """What is judged, named as in the recipe."""
        return self.operand.name

    @property
    def about(self) -> str:
        """The bound in words, e.g. ``speech.share >= 0.5``."""
        if self.equals is not None:
            return f"{self.column} = {_number(self.equals)}"
        if self.low is not None and self.high is not None:
            return f"{_number(self.low)} <= {self.column} <= {_number(self.high)}"
        if self.low is not None:
            return f"{self.column} >= {_number(self.low)}"
        if self.high is None:
            return f"clips begin and end by {self.column}"
        return f"{self.column} <= {_number(self.high)}"

    def judge(self, signal: Signal) -> Judgement:
        """What this check says of `signal`; a value on the bound holds."""
        if signal.value is None:
            said = {
                Absent.keep: Said.holds,
                Absent.drop: Said.fails,
                Absent.unscored: Said.unknown,
            }[self.absent]
            return Judgement(
                said, "ok" if said is Said.holds else f"{self.slug}:{signal.absent}", None
            )
        if isinstance(signal.value, str) or isinstance(self.equals, str):
            same = signal.value == self.equals
            return Judgement(
                Said.holds if same else Said.fails, "ok" if same else f"{self.slug}:other", None
            )
        return self._judge_number(float(signal.value))

    def _judge_number(self, value: float) -> Judgement:
        if isinstance(self.equals, int | float):
            gap = 0.0 - abs(value - float(self.equals))  # 0.0 first: a margin of -0 reads badly
            same = gap == 0
            return Judgement(
                Said.holds if same else Said.fails, "ok" if same else f"{self.slug}:other", gap
            )
        below = value - self.low if self.low is not None else None
        above = self.high - value if self.high is not None else None
        margin = min((gap for gap in (below, above) if gap is not None), default=0.0)
        if margin >= 0:
            return Judgement(Said.holds, "ok", margin)
        side = "low" if below is not None and below < 0 else "high"
        return Judgement(Said.fails, f"{self.slug}:{side}", margin)

    def tightness(self, margin: float) -> float:
        """`margin` relative to the bound, to compare margins that have different units."""
        bound = next((abs(b) for b in (self.low, self.high) if b), 1.0)
        return margin / bound

    def document(self) -> Mapping[str, Any]:
        """What the check is, for plans, locks and statistics: no name, so a renamed check is the same."""
        return {
            "of": self.column,
            "op": self.operand.op,
            "params": dict(self.operand.params),
            "min": self.low,
            "max": self.high,
            "equals": self.equals,
            "absent": self.absent.name,
        }


def _number(value: float | str | None) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
