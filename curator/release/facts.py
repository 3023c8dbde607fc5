"""The numbers that a release is judged by, shared by the card, the report and the command line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from curator.model.clip import Decision, Row, Unit
from curator.model.outcome import Outcome, SignalInfo
from curator.model.video import Rights
from curator.release.content import ReleaseContent
from curator.release.histogram import axis

__all__ = ["Facts", "RightsLine", "SignalLine", "SplitLine", "SyncLine", "facts"]

_BINS = 16
_SYNC = "sync."

_USUAL_YIELD = (0.01, 0.60)
"""Below, the recipe or the footage is probably wrong; above, the recipe probably judges nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsLine:
    """Footage of one source under one set of terms."""

    source: str
    rights: Rights
    videos: int
    seconds_in: float
    seconds_kept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLine:
    """Samples of one split."""

    name: str
    samples: int
    videos: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalLine:
    """How a signal is spread over the clips considered."""

    info: SignalInfo
    count: int
    """Clips that have a value."""
    p05: float
    median: float
    p95: float
    median_kept: float | None
    low: float
    high: float
    """Of the axis of the counts."""
    counts: tuple[int, ...]
    """Clips by value, between `low` and `high`."""
    counts_kept: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLine:
    """How well one track agrees with the pictures, over the kept clips: seconds, positive is late."""

    name: str
    clips: int
    """Kept clips for which an offset was measured."""
    median: float
    worst: float
    """The largest, whatever its sign, as it came."""
    repaired: int
    """Clips whose track was moved."""
    median_after: float | None
    worst_after: float | None
    """The same, measured again after the repair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Totals. Seconds tile the footage: in = kept + dropped + unscored."""

    seconds_in: float
    seconds_kept: float
    seconds_dropped: float
    seconds_unscored: float
    clips_kept: int
    clips_dropped: int
    clips_unscored: int
    videos_ok: int
    videos_failed: int
    rights: tuple[RightsLine, ...]
    splits: tuple[SplitLine, ...]
    signals: tuple[SignalLine, ...]
    """Those with a number for at least one clip, by name."""
    sync: tuple[SyncLine, ...]
    """Of tracks that were aligned."""

    @property
    def yield_share(self) -> float:
        """Kept over in, by seconds; 0 without footage."""
        return self.seconds_kept / self.seconds_in if self.seconds_in else 0.0

    @property
    def is_unusual(self) -> bool:
        """Whether the yield lies outside what a sound recipe gives."""
        lowest, highest = _USUAL_YIELD
        return not lowest <= self.yield_share <= highest


def facts(content: ReleaseContent) -> Facts:
    """The totals of a release."""
    rows = [row for outcome in content.outcomes for row in outcome.rows]
    clips = [row for row in rows if row.unit is Unit.clip]
    seconds = {one: _seconds(row for row in rows if row.decision is one) for one in Decision}
    counts = {one: sum(row.decision is one for row in clips) for one in Decision}
    failed = sum(bool(outcome.failures) for outcome in content.outcomes)
    return Facts(
        seconds_in=math.fsum(_length(outcome) for outcome in content.outcomes),
        seconds_kept=seconds[Decision.kept],
        seconds_dropped=seconds[Decision.dropped],
        seconds_unscored=seconds[Decision.unscored],
        clips_kept=counts[Decision.kept],
        clips_dropped=counts[Decision.dropped],
        clips_unscored=counts[Decision.unscored],
        videos_ok=len(content.outcomes) - failed,
        videos_failed=failed,
        rights=_rights(content.outcomes),
        splits=_splits(content),
        signals=tuple(_signals(content.signals[name], clips) for name in _numbers(content, clips)),
        sync=tuple(_sync(content, clips)),
    )


def _length(outcome: Outcome) -> float:
    if outcome.info is not None:
        return float(outcome.info.duration_seconds)
    return _seconds(outcome.rows)


def _seconds(rows: Iterable[Row]) -> float:
    return float(sum((row.seconds for row in rows), start=0))


def _rights(outcomes: Sequence[Outcome]) -> tuple[RightsLine, ...]:
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        rights = outcome.ref.rights
        key = (outcome.ref.source, rights.license or "", rights.attribution or "")
        groups.setdefault(key, []).append(outcome)
    return tuple(
        RightsLine(
            source=key[0],
            rights=group[0].ref.rights,
            videos=len(group),
            seconds_in=math.fsum(_length(outcome) for outcome in group),
            seconds_kept=_seconds(
                row for one in group for row in one.rows if row.decision is Decision.kept
            ),
        )
        for key, group in sorted(groups.items())
    )


def _splits(content: ReleaseContent) -> tuple[SplitLine, ...]:
    names = sorted({sample.split for sample in content.samples})
    lines = []
    for name in names:
        held = {sample.id: sample for sample in content.samples if sample.split == name}
        lines.append(
            SplitLine(
                name=name,
                samples=len(held),
                videos=len({sample.fingerprint for sample in held.values()}),
                seconds=float(sum((one.span.seconds for one in held.values()), start=0)),
            )
        )
    return tuple(lines)


def _numbers(content: ReleaseContent, clips: Sequence[Row]) -> list[str]:
    return [name for name in sorted(content.signals) if len(_values(name, clips))]


def _values(name: str, clips: Iterable[Row]) -> list[float]:
    held = (row.signals[name].value for row in clips if name in row.signals)
    return [float(value) for value in held if isinstance(value, int | float)]


def _signals(info: SignalInfo, clips: Sequence[Row]) -> SignalLine:
    values = np.asarray(_values(info.name, clips))
    kept = np.asarray(_values(info.name, _kept(clips)))
    p05, median, p95 = (float(one) for one in np.percentile(values, [5, 50, 95]))
    low, high = axis(values, info)
    return SignalLine(
        info=info,
        count=len(values),
        p05=p05,
        median=median,
        p95=p95,
        median_kept=float(np.median(kept)) if len(kept) else None,
        low=low,
        high=high,
        counts=_counts(values, low, high),
        counts_kept=_counts(kept, low, high),
    )


def _counts(values: np.ndarray, low: float, high: float) -> tuple[int, ...]:
    counts, _ = np.histogram(np.clip(values, low, high), bins=_BINS, range=(low, high))
    return tuple(int(count) for count in counts)


def _kept(clips: Iterable[Row]) -> list[Row]:
    return [row for row in clips if row.decision is Decision.kept]


def _sync(content: ReleaseContent, clips: Sequence[Row]) -> Iterator[SyncLine]:
    end = ".offset_seconds"
    for column in sorted(content.signals):
        if not (column.startswith(_SYNC) and column.endswith(end)):
            continue
        name = column[len(_SYNC) : -len(end)]
        kept = _kept(clips)
        found = _values(column, kept)
        if not found:
            continue
        after = _values(f"{_SYNC}{name}.offset_after_seconds", kept)
        moved = _values(f"{_SYNC}{name}.shift_seconds", kept)
        yield SyncLine(
            name=name,
            clips=len(found),
            median=float(np.median(found)),
            worst=max(found, key=abs),
            repaired=sum(one != 0 for one in moved),
            median_after=float(np.median(after)) if after else None,
            worst_after=max(after, key=abs) if after else None,
        )
