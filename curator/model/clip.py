"""Shots, clips, and what was decided about every second of a video."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.sync import Clock

__all__ = ["Decision", "Row", "Shot", "Transition", "Unit"]


class Transition(enum.Enum):
    """How a shot begins."""

    start = "start"
    """The video begins here."""
    cut = "cut"
    dissolve = "dissolve"
    fade = "fade"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """The frames between two boundaries. Shots tile a video.

    Where the boundary is gradual, `start` lies in the middle of the transition and `clean` leaves
    the blended frames out at both ends.
    """

    span: Span
    clean: Span | None
    """The part that shows one shot only; None when all of it is transition."""
    start_frame: int
    end_frame: int
    """One past the last frame."""
    transition: Transition


class Decision(enum.Enum):
    """The three outcomes."""

    kept = "kept"
    dropped = "dropped"
    unscored = "unscored"
    """Something failed, so nobody can say. Never a low score."""


class Unit(enum.Enum):
    """What a row of the metrics is about."""

    clip = "clip"
    """A candidate: every frame-level condition holds throughout."""
    rest = "rest"
    """Seconds that no clip covers, with the reason why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The verdict on one span. The rows of a video tile it: every second has exactly one."""

    span: Span
    unit: Unit
    decision: Decision
    reason: str
    """Slug: ``ok``, ``voice:low``, ``where.frontal``, ``too-short``, ``transition``, ``timeout`` ..."""
    margin: float | None = None
    """Distance to the bound in the signal's unit, negative when dropped; for a kept clip the least over all thresholds."""
    threshold: str | None = None
    """Name of the condition in the recipe that decided, e.g. ``keep.voice``."""
    stage: int = 0
    """Number of the pass after which the decision was known."""
    signals: Mapping[str, Signal] = field(default_factory=dict)
    """By the name used in the recipe, e.g. ``speech.share``."""
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    """Of a kept clip: the clock of each track that was aligned, after repair."""

    @property
    def seconds(self) -> Fraction:
        """Length, seconds."""
        return self.span.seconds
