"""What came of a run of plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from curator.model.outcome import Outcome, Sample
from curator.plan.contenders import Contender
from curator.plan.physical import Plan

__all__ = ["Counters", "Ran"]


@dataclass(slots=True, kw_only=True)
class Ran:
    """What came of one plan."""

    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    comebacks: dict[str, Mapping[str, tuple[Fraction, int]]] = field(default_factory=dict)
    """Fingerprint to what each condition alone cost there."""
    keys: set[str] = field(default_factory=set)
    """Of every fact that the plan stands on."""
    contenders: tuple[Contender, ...] = ()
    """Clips that stay where clips were compared: later releases are compared with them."""

    @property
    def comeback(self) -> dict[str, tuple[Fraction, int]]:
        """Condition to (seconds, clips) that it alone cost, over all videos."""
        total: dict[str, tuple[Fraction, int]] = {}
        for one in self.comebacks.values():
            for name, (seconds, clips) in one.items():
                had = total.get(name, (Fraction(0), 0))
                total[name] = (had[0] + seconds, had[1] + clips)
        return total


@dataclass(slots=True, kw_only=True)
class Counters:
    """What the build did, for its summary."""

    frames_decoded: int = 0
    frames_encoding: int = 0
    """Of `frames_decoded`, those decoded to encode samples."""
