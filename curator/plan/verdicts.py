"""What the evaluator asks of the facts, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from curator.media.probe import Probe
from curator.model.clip import Decision, Row, Shot, Unit
from curator.model.outcome import Failure
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.tile import Tiles
from curator.model.track import Track
from curator.model.video import FrameTable
from curator.plan.logical import Node
from curator.plan.sync import KnownSync, Question
from curator.segment.split import Cut

__all__ = ["NOT_MEASURED", "Demand", "Known", "Verdicts", "unscored"]

NOT_MEASURED = Failure(
    stage="measure", reason="not-measured", message="no build has measured this yet"
)


class Known(KnownSync, Protocol):
    """The facts about one video."""

    def covered(self, node: Node) -> Tiles:
        """Tiles that have been measured, successfully."""
        ...

    def failure(self, node: Node, tiles: Tiles) -> Failure | None:
        """Why the node could not be measured on some of these tiles, when an attempt failed."""
        ...

    def series(self, node: Node) -> Mapping[str, Series]:
        """Every series of the node over the covered tiles."""
        ...

    @property
    def cuts(self) -> Sequence[Fraction]:
        """Instants at which something else begins, as the source knows, sorted."""
        ...

    def column(self, name: str) -> float | str | None:
        """What the manifest that names this video says in one of its columns; None where it says nothing."""
        ...

    def untold(self, roles: Iterable[str]) -> frozenset[str] | Failure:
        """Of some sidecars, those that this video has and nobody has read; or why one cannot be."""
        ...

    def track(self, role: str, name: str) -> Track | None:
        """One track of a sidecar, on its own clock; None where there is none."""
        ...

    def clock(self, role: str) -> Clock:
        """How a sidecar's clock stands to the video's, as the recipe declares it."""
        ...

    def shots(self, node: Node, table: FrameTable) -> tuple[Shot, ...]:
        """What the detector makes of its series; asked by every pass, so worth remembering."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What must be measured before more can be decided."""

    stage: int
    tiles: Mapping[str, Tiles]
    """By node name."""
    alive: tuple[Span, ...]
    """Spans that are still alive, for estimates."""
    questions: tuple[Question, ...] = ()
    """Offsets that must be measured; not before there are no more `tiles` to be measured."""
    roles: frozenset[str] = frozenset()
    """Sidecars that must be read, before anything is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Everything is decided."""

    shots: tuple[Shot, ...] = ()
    shot_signals: tuple[Mapping[str, Signal], ...] = ()
    rows: tuple[Row, ...]
    cuts: tuple[Cut, ...] = ()
    """Inside stretches that hold: where one clip ends and the next one begins."""
    failures: tuple[Failure, ...] = ()
    comeback: Mapping[str, tuple[Fraction, int]] = field(default_factory=dict)
    """Condition to (seconds, clips) that would come back if only it were off; at most, since what
    fell early was not measured further."""
    judged: Mapping[str, tuple[Fraction, Fraction]] = field(default_factory=dict)
    """Condition to (seconds judged, seconds let through): what the next plan learns from."""


def unscored(probe: Probe, failure: Failure) -> Verdicts:
    """The verdict on a video of which something could not be found out."""
    row = Row(
        span=Span(Fraction(0), probe.info.duration_seconds),
        unit=Unit.rest,
        decision=Decision.unscored,
        reason=failure.reason,
    )
    return Verdicts(rows=(row,), failures=(failure,))
