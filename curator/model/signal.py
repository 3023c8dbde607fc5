"""What a measure reports: numbers with units, or the reason why there is none."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

__all__ = ["SeriesSpec", "Signal", "SignalSpec", "Support"]


class Support(enum.Enum):
    """Which frames one value of a series looks at; it decides which values belong to a clip."""

    frame = "frame"
    """The frame (or audio window) at its own time alone."""
    pair = "pair"
    """The frame and the sampled frame before it: the first value of a clip looks outside and is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSpec:
    """The declaration of a number per sampled frame (or audio window)."""

    name: str
    unit: str
    """``"ratio"`` (in [0, 1]), ``"px"``, ``"deg"``, ``"dB"``, ``"count"`` ...; never empty."""
    about: str
    support: Support = Support.frame
    shape: tuple[int | None, ...] = ()
    """Shape of one value; ``()`` is a number that conditions and statistics can use. A side that the settings decide is None: the vectors of a network that the recipe names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSpec:
    """The declaration of a number per clip: enough to document it, plot it and put a threshold on it."""

    name: str
    unit: str
    about: str


@dataclass(frozen=True, slots=True)
class Signal:
    """One fact about one clip, or the slug of the reason why there is none.

    Raises:
        ValueError: if both or neither are given, or the value is not finite.
    """

    value: float | str | None
    """A number; text only for container facts that are names, such as the codec."""
    absent: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.absent is None):
            raise ValueError("a signal has either a value or a reason for having none")
        if isinstance(self.value, int | float) and not math.isfinite(self.value):
            raise ValueError(f"a signal must be finite, got {self.value}")
