"""Offset and drift of a track against a video, from what happens when in both."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from curator.align.estimate.activity import Activity, Floats, even, lively
from curator.align.estimate.correlate import Curve, Peak, between, correlation, highest
from curator.model.span import Span
from curator.model.sync import Offset

__all__ = ["Band", "compare"]

_LEAST_SECONDS = 2.0
_LEAST_KNOWN = 0.5
_WINDOW_SECONDS = 10.0
_DRIFT_FROM_SECONDS = 30.0
_MOST_DRIFT = 0.002
"""Devices differ by 0.0001, 29.97 and 30 by 0.001; what differs more has another rate and is declared."""
_SURE = 3.0
"""Standard errors from which a drift counts as one."""
_WIDER_SECONDS = 1.0
_MOST_USUAL, _MOST_SPREADS = 4.0, 2.0
"""Values further out than four robust standard deviations (and two plain ones) count as if they were there."""
_NEAR_SECONDS = 0.08
"""How far one window's best lag may lie from what all windows say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What of two activities is compared."""

    step_seconds: float
    """Of the common grid."""
    fine_seconds: float
    """Width of the Gaussian mean that takes the jitter out."""
    coarse_seconds: float
    """Width of the Gaussian mean that is deducted: what changes more slowly says nothing of offsets."""


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """Curves of the parts of a clip."""

    middles: Floats
    """``(windows,)`` seconds from the middle of the clip."""
    lags: Floats
    curves: Floats
    """``(windows, lags)``."""
    luck: Floats
    """``(windows,)``."""


def compare(
    video: Activity,
    track: Activity,
    band: Band,
    *,
    span: Span,
    max_offset_seconds: float,
    least: Floats | None = None,
) -> Offset:
    """How late `track` is, in the middle of `span`, and its drift where the span is 30 s or longer.

    The video counts inside the span alone, the track around it too. `least` are amplitudes of the
    video's channels, in their own unit, that are as small as noise: a channel that moves less counts
    as much less as it moves less. Absent: ``too-short``, ``nothing-moves``.
    """
    seen = video.within(float(span.start), float(span.end))
    ready = _ready(seen, band), _ready(track, band)
    if any(len(one[1]) * band.step_seconds < _LEAST_SECONDS for one in ready):
        return Offset(seconds=None, absent="too-short")
    if any(np.isfinite(one[1]).all(axis=1).mean() < _LEAST_KNOWN for one in ready):
        return Offset(seconds=None, absent="too-many-gaps")
    if any(float(np.nanstd(one[1])) == 0 for one in ready):
        return Offset(seconds=None, absent="nothing-moves")
    weights = None
    if least is not None:
        weights = np.minimum(1.0, np.nanstd(ready[0][1], axis=0) / least)
    windows = _windows(*ready, band, weights, max_offset_seconds)
    peak, drift = _best(windows, max_offset_seconds, band.step_seconds)
    if peak is None:
        return Offset(seconds=None, absent="nothing-moves")
    return Offset(seconds=peak.seconds, confidence=peak.confidence, drift=drift)


def _ready(activity: Activity, band: Band) -> tuple[int, Floats]:
    first, values = even(activity, step_seconds=band.step_seconds)
    kept = lively(
        values,
        step_seconds=band.step_seconds,
        fine_seconds=band.fine_seconds,
        coarse_seconds=band.coarse_seconds,
    )
    return first, _tamed(kept)


def _tamed(values: Floats) -> Floats:
    """With what stands far out brought down: one bang in each of two tracks must not decide alone."""
    if not np.isfinite(values).any():
        return values
    middle = np.nanmedian(values, axis=0)
    usual = 1.4826 * np.nanmedian(np.abs(values - middle), axis=0)
    most = np.maximum(_MOST_USUAL * usual, _MOST_SPREADS * np.nanstd(values, axis=0))
    return np.asarray(np.clip(values, middle - most, middle + most))


def _windows(
    seen: tuple[int, Floats],
    heard: tuple[int, Floats],
    band: Band,
    weights: Floats | None,
    max_offset_seconds: float,
) -> _Windows:
    step, (first, rows) = band.step_seconds, seen
    seconds = len(rows) * step
    count = round(seconds / _WINDOW_SECONDS) if seconds >= _DRIFT_FROM_SECONDS else 1
    edges = np.linspace(0, len(rows), count + 1).astype(int)
    reach = max_offset_seconds + max(max_offset_seconds, _WIDER_SECONDS)
    margin = int(reach / step) + 1
    curves = []
    for low, high in pairwise(edges.tolist()):
        around = max(0, first + low - margin - heard[0]), max(0, first + high + margin - heard[0])
        part = heard[0] + around[0], heard[1][around[0] : around[1]]
        curves.append(
            correlation(
                (first + low, rows[low:high]),
                part,
                step_seconds=step,
                reach_seconds=reach,
                weights=weights,
            )
        )
    middles = (edges[1:] + edges[:-1] - len(rows)) / 2 * step
    return _Windows(
        middles,
        curves[0].lags_seconds,
        np.stack([one.values for one in curves]),
        np.array([one.luck for one in curves]),
    )


def _best(windows: _Windows, most: float, step: float) -> tuple[Peak | None, float | None]:
    """The best lag in the middle of the clip; and how it changes, where there are several windows."""
    if len(windows.middles) < 2:
        only = Curve(windows.lags, windows.curves[0], float(windows.luck[0]))
        return highest(only, max_offset_seconds=most), None
    # Drifts are tried in steps that move the first and the last window by half a grid step each.
    finest = step / (windows.middles[-1] - windows.middles[0])
    tried = finest * np.arange(-round(_MOST_DRIFT / finest), round(_MOST_DRIFT / finest) + 1)
    peaks = [highest(_stacked(windows, drift), max_offset_seconds=most) for drift in tried]
    heights = [-np.inf if peak is None else peak.height for peak in peaks]
    best = int(np.argmax(heights))
    guess = peaks[best]
    if guess is None:
        return None, None
    drift = _line(windows, guess.seconds, float(tried[best]))
    return highest(_stacked(windows, drift), max_offset_seconds=most), drift


def _stacked(windows: _Windows, drift: float) -> Curve:
    """The mean of all windows, each moved back by what it has drifted."""
    step = windows.lags[1] - windows.lags[0]
    moves = np.round(drift * windows.middles / step).astype(int)
    rows = np.stack(
        [_moved(row, move) for row, move in zip(windows.curves, moves.tolist(), strict=True)]
    )
    known = np.isfinite(rows)
    total = np.where(known, rows, 0.0).sum(axis=0)
    share = known.mean(axis=0)
    mean = total / np.maximum(known.sum(axis=0), 1)
    luck = float(np.sqrt(np.square(windows.luck).sum())) / len(windows.luck)
    return Curve(windows.lags, np.where(share >= 0.5, mean * np.sqrt(share), np.nan), luck)


def _moved(row: Floats, move: int) -> Floats:
    out = np.full_like(row, np.nan)
    count = len(row)
    low, high = max(0, -move), min(count, count - move)
    out[low:high] = row[low + move : high + move]
    return out


def _line(windows: _Windows, seconds: float, drift: float) -> float:
    """The drift through the windows' own best lags near a first guess; 0 where it may be none.

    Theil and Sen's line: the median of the slopes between all pairs.
    """
    found = [
        _near(Curve(windows.lags, row), seconds + drift * middle)
        for row, middle in zip(windows.curves, windows.middles.tolist(), strict=True)
    ]
    there = np.array([lag is not None for lag in found])
    if there.sum() < 3:
        return 0.0
    at, lags = windows.middles[there], np.array([lag for lag in found if lag is not None])
    one, other = np.triu_indices(len(at), 1)
    slope = float(np.median((lags[other] - lags[one]) / (at[other] - at[one])))
    sure = abs(slope) > _SURE * _doubt(at, lags, slope)
    return slope if sure else 0.0


def _doubt(at: Floats, lags: Floats, slope: float) -> float:
    """Standard error of a slope, from the median deviation of what lies beside the line."""
    rest = lags - slope * at
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return 1.1 * spread / (float(at.std()) * float(np.sqrt(len(at))))


def _near(curve: Curve, seconds: float) -> float | None:
    """The best lag of one window close to what all windows say; None where it has no peak there."""
    close: npt.NDArray[np.bool_] = np.abs(curve.lags_seconds - seconds) <= _NEAR_SECONDS
    values = np.where(close, curve.values, np.nan)
    if np.isfinite(values).sum() < 3:
        return None
    index = int(np.nanargmax(values))
    if not 0 < index < len(values) - 1 or not np.isfinite(values[index - 1 : index + 2]).all():
        return None  # it still rises at the edge
    if values[index] <= 0:
        return None
    shift, _ = between(values, index)
    step = float(curve.lags_seconds[1] - curve.lags_seconds[0])
    return float(curve.lags_seconds[index]) + shift * step
