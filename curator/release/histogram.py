"""A signal over the clips, as bars to draw: who was kept, who was not, and where the line is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curator.model.clip import Decision
from curator.model.outcome import SignalInfo
from curator.release import words

__all__ = ["HEIGHT", "WIDTH", "Bar", "Histogram", "Line", "axis", "histogram"]

WIDTH, HEIGHT = 320.0, 96.0
"""Drawing units of the plot area."""
_BINS = 32
_ORDER = (Decision.kept, Decision.dropped, Decision.unscored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One part of a stack, in drawing units with y down."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A bound of the recipe, and the side that does not pass."""

    x: float
    label: str
    out_x: float
    out_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """All that is drawn for one signal."""

    info: SignalInfo
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    lowest: str
    highest: str
    count: int
    absent: int
    """Clips without a value."""
    tallest: int
    """Clips in the fullest bin."""


def histogram(
    info: SignalInfo, values: Mapping[Decision, Sequence[float]], *, absent: int
) -> Histogram | None:
    """The bars of one signal; None when no clip has a number."""
    everything = np.asarray([one for kind in _ORDER for one in values.get(kind, ())])
    if everything.size == 0:
        return None
    low, high = axis(everything, info)
    counts = {kind: _counts(values.get(kind, ()), low, high) for kind in _ORDER}
    tallest = int(np.sum(list(counts.values()), axis=0).max())
    return Histogram(
        info=info,
        bars=_bars(counts, tallest, low, high),
        lines=_lines(info, low, high),
        lowest=words.number(low),
        highest=words.number(high),
        count=int(everything.size),
        absent=absent,
        tallest=tallest,
    )


def axis(values: np.ndarray, info: SignalInfo) -> tuple[float, float]:
    """What the axis shows: all but stray values, and every bound of the recipe."""
    low, high = (float(one) for one in np.percentile(values, [1, 99]))
    spread = high - low
    # Stray values are gathered in the outermost bins, but only when showing them would flatten the rest.
    low = float(values.min()) if low - values.min() <= spread else low
    high = float(values.max()) if values.max() - high <= spread else high
    marks = [one for pair in info.thresholds.values() for one in pair if one is not None]
    low, high = min([low, *marks]), max([high, *marks])
    margin = 0.04 * (high - low)
    if margin <= 1e-9 * max(
        abs(low), abs(high)
    ):  # one value, or as good as one: rounding has no bins
        margin = abs(high) * 0.1 or 1.0
    # What cannot be negative, or more than the whole, has no axis there.
    left = max(0.0, low - margin) if low >= 0 else low - margin
    return left, 1.0 if info.unit == "ratio" and 0.5 < high <= 1 else high + margin


def _counts(values: Sequence[float], low: float, high: float) -> np.ndarray:
    clipped = np.clip(np.asarray(values, dtype=np.float64), low, high)
    return np.histogram(clipped, bins=_BINS, range=(low, high))[0]


def _bars(
    counts: Mapping[Decision, np.ndarray], tallest: int, low: float, high: float
) -> tuple[Bar, ...]:
    edges = np.linspace(low, high, _BINS + 1)
    step = WIDTH / _BINS
    bars = []
    for index in range(_BINS):
        base = HEIGHT
        for kind in _ORDER:
            count = int(counts[kind][index])
            if count == 0:
                continue
            height = HEIGHT * count / tallest
            base -= height
            around = (
                f"{words.number(float(edges[index]))} … {words.number(float(edges[index + 1]))}"
            )
            bars.append(
                Bar(
                    kind=kind.value,
                    x=round(index * step + 0.5, 2),
                    y=round(base, 2),
                    width=round(step - 1, 2),
                    height=round(height, 2),
                    title=f"{around}: {count} {kind.value}",
                )
            )
    return tuple(bars)


def _lines(info: SignalInfo, low: float, high: float) -> tuple[Line, ...]:
    def place(value: float) -> float:
        return round(WIDTH * (value - low) / (high - low), 2)

    lines = []
    for name, (lowest, highest) in sorted(info.thresholds.items()):
        if lowest is not None and lowest == highest:
            x = place(lowest)
            lines.append(Line(x=x, label=f"{name} = {words.number(lowest)}", out_x=x, out_width=0))
            continue
        if lowest is not None:
            x = place(lowest)
            lines.append(Line(x=x, label=f"{name} ≥ {words.number(lowest)}", out_x=0, out_width=x))
        if highest is not None:
            x = place(highest)
            label = f"{name} ≤ {words.number(highest)}"
            lines.append(Line(x=x, label=label, out_x=x, out_width=round(WIDTH - x, 2)))
    return tuple(lines)
