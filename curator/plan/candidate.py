"""A clip on its way through the passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curator.model.clip import Decision, Row, Unit
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.sync import Clock
from curator.plan.checks import Check, Judgement, Said
from curator.plan.sync import Agreement

__all__ = ["Candidate"]


@dataclass(slots=True)
class Candidate:
    """A clip on its way through the passes."""

    span: Span
    ends: Mapping[str, Signal] = field(default_factory=dict)
    """What its ends lie at, where they were moved."""
    stage: int = 0
    fell: Row | None = None
    signals: dict[str, Signal] = field(default_factory=dict)
    said: dict[str, tuple[Check, Judgement]] = field(default_factory=dict)
    clocks: dict[str, Clock] = field(default_factory=dict)

    def decide(self, checks: Sequence[Check]) -> None:
        """Fall, if a check of this pass says so: the first in recipe order gives the reason."""
        for wanted, decision in ((Said.fails, Decision.dropped), (Said.unknown, Decision.unscored)):
            for check in checks:
                judgement = self.said[check.name][1]
                if judgement.said is wanted:
                    self.fall(decision, judgement.reason, judgement.margin, check.name)
                    return

    def fall(
        self,
        decision: Decision,
        reason: str,
        margin: float | None = None,
        name: str | None = None,
    ) -> None:
        """Leave the cascade with this verdict."""
        self.fell = self._row(decision, reason, margin, name)

    def align(self, said: Sequence[Agreement], names: Sequence[str]) -> None:
        """Take what the alignments said; the first that does not hold gives the reason."""
        for name, one in zip(names, said, strict=True):
            self.signals = {**self.signals, **one.signals}
            if one.clock is not None:
                self.clocks[name] = one.clock
        for name, one in zip(names, said, strict=True):
            if not one.holds:
                decision = Decision.unscored if one.unscored else Decision.dropped
                self.fall(decision, one.reason, one.margin, f"align.{name}")
                return

    def row(self) -> Row:
        """The verdict; a clip that never fell is kept, with its tightest margin."""
        if self.fell is not None:
            return self.fell
        margins = [
            (check.tightness(judgement.margin), judgement.margin, check.name)
            for check, judgement in self.said.values()
            if judgement.margin is not None
        ]
        _, margin, name = min(margins, default=(0.0, None, None))
        return self._row(Decision.kept, "ok", margin, name)

    def only(self, name: str) -> bool:
        """Whether this one check alone let the clip fall, as far as it was measured."""
        bad = [n for n, (_, judgement) in self.said.items() if judgement.said is not Said.holds]
        return bad == [name]

    def _row(self, decision: Decision, reason: str, margin: float | None, name: str | None) -> Row:
        return Row(
            span=self.span,
            unit=Unit.clip,
            decision=decision,
            reason=reason,
            margin=margin,
            threshold=name,
            stage=self.stage,
            signals={**self.signals, **self.ends},
            clocks=self.clocks,
        )
