"""Contact sheets: what was kept, what nearly was, and what every reason threw away."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curator.model.clip import Decision, Row, Unit
from curator.model.outcome import Outcome, SignalInfo
from curator.pack.schema import readable
from curator.release import words
from curator.release.content import ReleaseContent

__all__ = ["Card", "Sheet", "sheets"]

_MOST_KEPT = 24
_MOST_NEAR = 16
_MOST_REASONS = 12
_MOST_PER_REASON = 4
_MOST_FACTS = 6
_NEAR_ABOUT = (
    "Dropped by the smallest margin, measured in spreads of the signal. "
    "If these look good, the threshold is too strict."
)
_PICTURE_BUDGET_BYTES = 4 * 2**20
"""Base64 characters of all pictures together; the rest of the report takes well under 1 MB."""


@dataclass(frozen=True, slots=True)
class _Clip:
    outcome: Outcome
    row: Row

    @property
    def order(self) -> tuple[str, Row]:
        return (self.outcome.ref.url, self.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One span: pictures and what is known of it."""

    kind: str
    video: str
    when: str
    duration: str
    reason: str
    margin: str | None
    pictures: tuple[str, ...]
    """``data:`` addresses; empty when there are none or the report is full."""
    facts: tuple[tuple[str, str, bool], ...]
    """Name, value with unit, and whether this one decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A group of cards under one heading."""

    title: str
    about: str
    cards: tuple[Card, ...]
    more: int
    """How many like these are not shown."""


class _Pictures:
    """Pictures as addresses until the budget is spent."""

    def __init__(self, content: ReleaseContent) -> None:
        self._posters = content.posters
        self._left = _PICTURE_BUDGET_BYTES

    def of(self, clip: _Clip) -> tuple[str, ...]:
        if clip.outcome.fingerprint is None or self._left <= 0:
            return ()
        taken: list[str] = []
        for jpeg in self._posters(clip.outcome.fingerprint, clip.row.span):
            address = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
            if len(address) > self._left:
                continue
            self._left -= len(address)
            taken.append(address)
        return tuple(taken)


def sheets(content: ReleaseContent) -> tuple[Sheet, ...]:
    """The sheets in reading order; those without a card are left out."""
    clips = sorted(
        (_Clip(outcome, row) for outcome in content.outcomes for row in outcome.rows),
        key=lambda one: (one.outcome.ref.url, one.row.span),
    )
    pictures = _Pictures(content)
    kept = [clip for clip in clips if clip.row.decision is Decision.kept]
    scales = _scales(clips, content.signals)
    near = _nearest(clips, scales)
    groups = [
        ("Kept", "Spread evenly over all that was kept.", kept, _spread(kept, _MOST_KEPT)),
        ("Nearest misses", _NEAR_ABOUT, near, near[:_MOST_NEAR]),
    ]
    for title, held in _by_reason(clips)[:_MOST_REASONS]:
        about = f"{words.duration(_seconds(held))} in all, the longest stretches first."
        groups.append((title, about, held, held[:_MOST_PER_REASON]))
    return tuple(
        Sheet(
            title=title,
            about=about,
            cards=tuple(_card(one, content.signals, scales, pictures.of(one)) for one in shown),
            more=len(held) - len(shown),
        )
        for title, about, held, shown in groups
        if shown
    )


def _spread(clips: Sequence[_Clip], most: int) -> Sequence[_Clip]:
    if len(clips) <= most:
        return clips
    return [clips[index * len(clips) // most] for index in range(most)]


def _by_reason(clips: Iterable[_Clip]) -> list[tuple[str, list[_Clip]]]:
    """Dropped and unscored spans by verdict and reason, most seconds first, longest spans first."""
    groups: dict[str, list[_Clip]] = {}
    for clip in clips:
        if clip.row.decision is not Decision.kept:
            title = f"{clip.row.decision.name.capitalize()}: {clip.row.reason}"
            groups.setdefault(title, []).append(clip)
    ordered = sorted(groups.items(), key=lambda item: (-_seconds(item[1]), item[0]))
    return [(title, sorted(held, key=lambda one: -one.row.seconds)) for title, held in ordered]


def _seconds(clips: Iterable[_Clip]) -> float:
    return float(sum((clip.row.seconds for clip in clips), start=0))


def _scales(clips: Sequence[_Clip], signals: Mapping[str, SignalInfo]) -> dict[str, float]:
    """The spread of the signal that each condition judges."""
    judged = [info for info in signals.values() if info.thresholds]
    spreads = {info.name: _scale(info.name, clips) for info in judged}
    return {name: spreads[info.name] for info in judged for name in info.thresholds}


def _nearest(clips: Sequence[_Clip], scales: Mapping[str, float]) -> list[_Clip]:
    near = []
    for index, clip in enumerate(clips):
        row = clip.row
        missed = row.decision is Decision.dropped and row.unit is Unit.clip
        if missed and row.margin is not None:
            scale = scales.get(_condition(row, scales)) or abs(row.margin) or 1.0
            near.append((abs(row.margin) / scale, index))
    return [clips[index] for _, index in sorted(near)]


def _condition(row: Row, known: Iterable[str]) -> str:
    """The name under which `SignalInfo.thresholds` has the row's threshold."""
    name = row.threshold or ""
    return name if name in known else name.rsplit(".", 1)[-1]


def _scale(signal: str, clips: Iterable[_Clip]) -> float:
    """What counts as a large step of a signal: from its 5th to its 95th percentile."""
    held = (clip.row.signals[signal].value for clip in clips if signal in clip.row.signals)
    values = [value for value in held if isinstance(value, int | float)]
    if not values:
        return 0.0
    low, high = np.percentile(values, [5, 95])
    return float(high - low)


def _card(
    clip: _Clip,
    signals: Mapping[str, SignalInfo],
    scales: Mapping[str, float],
    pictures: tuple[str, ...],
) -> Card:
    row = clip.row
    start, end = float(row.span.start), float(row.span.end)
    url = readable(clip.outcome.ref.url) or ""
    return Card(
        kind=row.decision.value,
        video=url.rstrip("/").rsplit("/", 1)[-1],
        when=f"{words.timecode(start)} to {words.timecode(end)}",
        duration=words.duration(end - start),
        reason=row.reason,
        margin=_margin(row, signals),
        pictures=pictures,
        facts=_facts(row, signals, scales),
    )


def _margin(row: Row, signals: Mapping[str, SignalInfo]) -> str | None:
    """How far the deciding signal is from its bound, with its unit."""
    if row.margin is None:
        return None
    judged = (one for one in signals.values() if _condition(row, one.thresholds) in one.thresholds)
    info = next(judged, None)
    return words.quantity(abs(row.margin), info.unit if info else "")


def _facts(
    row: Row, signals: Mapping[str, SignalInfo], scales: Mapping[str, float]
) -> tuple[tuple[str, str, bool], ...]:
    """The signals that the recipe judges by: the one that decided, then those nearest to a bound."""
    lines: list[tuple[tuple[bool, float, str], tuple[str, str, bool]]] = []
    for name, info in signals.items():
        signal = row.signals.get(name)
        if not info.thresholds or signal is None:
            continue
        decided = _condition(row, info.thresholds) in info.thresholds
        text, distance = signal.absent or str(signal.value), math.inf
        if isinstance(signal.value, int | float):
            text = words.quantity(float(signal.value), info.unit)
            distance = _distance(float(signal.value), info, scales)
        lines.append(((not decided, distance, name), (name, text, decided)))
    return tuple(line for _, line in sorted(lines)[:_MOST_FACTS])


def _distance(value: float, info: SignalInfo, scales: Mapping[str, float]) -> float:
    """From a value to the nearest bound, in spreads of the signal."""
    ends = [(name, end) for name, pair in info.thresholds.items() for end in pair]
    steps = [abs(value - end) / (scales[name] or 1.0) for name, end in ends if end is not None]
    return min(steps, default=math.inf)
