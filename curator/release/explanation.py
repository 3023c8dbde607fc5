"""Explanations as records, and how they are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from curator.engine.words import fields
from curator.model.clip import Row
from curator.model.outcome import Failure

__all__ = ["ClipCut", "ExplainReport", "Explanation", "JudgedCheck", "NodeState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCheck:
    """One condition, put to the row."""

    name: str
    about: str
    """The bound in words."""
    stage: int
    """The pass after which it can be judged."""
    value: float | str | None
    absent: str | None
    margin: float | None
    said: str
    """``holds``, ``fails``, ``unknown`` or ``not-measured``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What the store holds of one measure on the row's footage."""

    node: str
    op: str
    stage: int
    cached: bool
    why_not: str | None
    """What differs from the nearest computation that is known, when it is not cached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCut:
    """Why a clip ends here and the next one begins, though all conditions hold."""

    at_seconds: float
    by: str
    """``segment.split.NAME``, or ``too-long``."""
    about: str
    """What was seen there, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One row of one video, explained."""

    row: Row
    sample: str | None
    """Id of the sample, when the row is kept."""
    shot: int | None
    """Number of the shot, from 0."""
    checks: tuple[JudgedCheck, ...]
    nodes: tuple[NodeState, ...]
    cuts: tuple[ClipCut, ...] = ()
    """At the row's ends, where a stretch that holds was cut."""

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        return {
            "start_seconds": float(self.row.span.start),
            "end_seconds": float(self.row.span.end),
            "unit": self.row.unit.name,
            "verdict": self.row.decision.name,
            "reason": self.row.reason,
            "threshold": self.row.threshold,
            "margin": self.row.margin,
            "stage": self.row.stage,
            "sample": self.sample,
            "shot": self.shot,
            "signals": {name: signal.value for name, signal in sorted(self.row.signals.items())},
            "absent": {n: s.absent for n, s in sorted(self.row.signals.items()) if s.absent},
            "checks": [fields(check) for check in self.checks],
            "measures": [fields(node) for node in self.nodes],
            "cuts": [fields(cut) for cut in self.cuts],
        }

    def lines(self) -> Iterator[str]:
        """The row for people."""
        row = self.row
        margin = "" if row.margin is None else f", margin {row.margin:+.4g}"
        yield (
            f"  {row.span} s  {row.decision.name.upper()}  {row.reason}{margin}"
            f"  ({row.unit.name}, decided after pass {row.stage})"
        )
        for cut in self.cuts:
            side = "begins" if cut.at_seconds == float(row.span.start) else "ends"
            yield f"    {side} at {cut.at_seconds:.3f} s by {cut.by}: {cut.about}"
        yield from self._selection()
        for check in self.checks:
            value = check.absent if check.value is None else check.value
            shown = f"{value:.4g}" if isinstance(value, float) else str(value or "-")
            gap = "" if check.margin is None else f"margin {check.margin:+.4g}"
            yield f"    pass {check.stage}  {check.name:<22} {check.about:<38} {shown:>12}  {check.said:<12} {gap}"
        for node in self.nodes:
            state = "cached" if node.cached else f"not cached: {node.why_not}"
            yield f"    pass {node.stage}  {node.node:<22} {state}"

    def _selection(self) -> Iterator[str]:
        """What the comparison with other clips said."""
        held = {name: one.value for name, one in self.row.signals.items()}
        if "distinct.twin" in held:
            shift = held.get("distinct.shift_seconds")
            later = f", which shows the same {shift:+.2f} s later" if shift is not None else ""
            yield (
                f"    a copy of {held['distinct.twin']}{later}: distance {held['distinct.distance']:.3f}"
                f" by {held['distinct.by']}"
            )
        elif held.get("distinct.copies"):
            yield f"    {held['distinct.copies']:.0f} copies of it fell"
        for name, value in sorted(held.items()):
            if name.startswith("balance."):
                yield f"    {name}: there is enough of '{value}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainReport:
    """Rows of one video, explained."""

    url: str
    fingerprint: str | None
    recipe: str
    explanations: tuple[Explanation, ...]
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything, as data; the first row's facts at the top level as well."""
        rows = [one.to_json() for one in self.explanations]
        return {
            "video": self.url,
            "fingerprint": self.fingerprint,
            "recipe": self.recipe,
            **(rows[0] if len(rows) == 1 else {}),
            "rows": rows,
            "failures": [fields(failure) for failure in self.failures],
        }

    def lines(self) -> list[str]:
        """The explanation for people."""
        out = [f"{self.url}  ({self.recipe})"]
        out += [f"  failed at {f.stage}: {f.reason}: {f.message}" for f in self.failures]
        for one in self.explanations:
            out += one.lines()
        return out
