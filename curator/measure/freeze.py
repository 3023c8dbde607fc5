"""Frames that repeat, and stretches in which nothing moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameBlock, FrameNeed, Need, Tile, View, Weight
from curator.measure.picture import block_means
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support

__all__ = ["Freeze"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Repeated frames (every frame) and stillness through grain (4 frames per second), on the small plane.

    `difference` is the mean absolute change of luma. A frame is a `duplicate` when no block of it
    changed: compression leaves at most about one luma step on a repeated frame, a talking mouth
    changes its block by ten. `change` is the largest change of a block's mean over a quarter of a
    second; means of about 400 pixels average grain away, so a frozen picture under film grain is
    still, and a moving mouth is not.
    Typical: `share` 0 for true frame rates, 0.67 for 10 fps shown at 30, 0.2 for telecine;
    `still_share` 0 for a talking head (a listener who sits still may reach 0.2), 1 for slides and
    photographs; `change` 3..40 with people in the picture, below 1.5 when nothing moves.
    What fools it: a blinking cursor or clock keeps a slide alive; very slow pans of a soft picture
    read as still; pumping of a low-quality stream at keyframes reads as motion.
    Source: block means of frame differences, after FFmpeg's mpdecimate and freezedetect. Own code,
    no weights.
    """

    name: ClassVar[str] = "freeze"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0008
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="difference",
            unit="luma",
            about="mean absolute change since the frame before",
            support=Support.pair,
        ),
        SeriesSpec(
            name="duplicate",
            unit="ratio",
            about="1 when the frame repeats the one before",
            support=Support.pair,
        ),
        SeriesSpec(
            name="change",
            unit="luma",
            about="largest change of a block's mean in a quarter of a second",
            support=Support.pair,
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="share", unit="ratio", about="share of frames that repeat the one before"),
        SignalSpec(
            name="longest_seconds", unit="s", about="longest stretch in which nothing moves"
        ),
        SignalSpec(
            name="still_share",
            unit="ratio",
            about="share of the clip in stretches of a second or more in which nothing moves",
        ),
        SignalSpec(
            name="effective_fps",
            unit="fps",
            about="new pictures per second where something moves; the true rate of padded footage",
        ),
    )

    still_below: float = 1.5
    """Largest block change, luma, at which nothing moves."""

    @property
    def needs(self) -> Mapping[str, Need]:
        return {
            "every": FrameNeed(view=View.luma, before=1),
            "slow": FrameNeed(view=View.luma, fps=Fraction(4), before=1),
        }

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        change, duplicate = clip.series.get("change"), clip.series.get("duplicate")
        absent = Signal(None, absent="too-short")
        signals = {spec.name: absent for spec in self.signals}
        if duplicate is not None and len(duplicate):
            signals["share"] = Signal(float(np.nanmean(duplicate.values.astype(np.float64))))
        if change is None or not len(change):
            return signals
        starts, ends = _still_runs(change, self.still_below, clip)
        lengths = ends - starts
        signals["longest_seconds"] = Signal(float(lengths.max(initial=0.0)))
        still = float(lengths[lengths >= _RUN_SECONDS].sum()) / float(clip.span.seconds)
        signals["still_share"] = Signal(min(1.0, still))
        if duplicate is not None and len(duplicate):
            signals["effective_fps"] = _effective_fps(duplicate, starts, ends)
        return signals


_RUN_SECONDS = 0.999  # 29.97 fps grids end a hair early
_SAME = 1.2  # luma: change of a block of a repeated frame, by recompression
_MIN_MOVING_SECONDS = 0.5


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        every, slow = tile.frames["every"], tile.frames["slow"]
        difference, duplicate = _pairs(every)
        return {
            "difference": every.series(difference),
            "duplicate": every.series(duplicate),
            "change": slow.series(_changes(slow)),
        }


def _pairs(block: FrameBlock) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean change and whether nothing changed, for each own frame; NaN at the video's first."""
    difference = np.full(len(block.ticks), np.nan, np.float32)
    duplicate = difference.copy()
    pixels = block.pixels
    for index in range(1, len(pixels)):
        moved = cv2.absdiff(pixels[index], pixels[index - 1])
        difference[index] = cv2.mean(moved)[0]
        if difference[index] > _SAME:
            duplicate[index] = 0  # some block changed by at least the mean
        else:
            duplicate[index] = block_means(moved[None]).max() <= _SAME
    return difference[block.own], duplicate[block.own]


def _changes(block: FrameBlock) -> npt.NDArray[np.float32]:
    """Largest change of a block's mean since the sample before, for each own frame."""
    means = block_means(block.pixels)
    change = np.full(len(means), np.nan, np.float32)
    if len(means) > 1:
        change[1:] = np.abs(np.diff(means, axis=0)).max(axis=(1, 2))
    return change[block.own]


def _still_runs(change: Series, below: float, clip: ClipSeries) -> tuple[_Floats, _Floats]:
    """Starts and ends, seconds, of the stretches in which nothing moves."""
    still = np.nan_to_num(change.values.astype(np.float64), nan=np.inf) < below
    # Value i speaks of the time between samples i - 1 and i; the first sample of the clip is left out.
    times = np.concatenate([[float(clip.span.start)], change.seconds])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], still, [False]]).astype(np.int8)))
    starts, ends = times[edges[::2]], times[edges[1::2]]
    if len(ends) and still[-1]:
        ends[-1] = float(clip.span.end)
    return starts, ends


def _effective_fps(duplicate: Series, starts: _Floats, ends: _Floats) -> Signal:
    """New pictures per second outside the still stretches."""
    times = duplicate.seconds
    held = np.zeros(len(times), np.bool_)
    for start, end in zip(starts, ends, strict=True):
        held |= (times > start) & (times <= end)
    steps = np.diff(times, append=times[-1] + np.median(np.diff(times)) if len(times) > 1 else 1)
    seconds = float(steps[~held].sum())
    if len(times) < 2 or seconds < _MIN_MOVING_SECONDS:
        return Signal(None, absent="still" if held.any() else "too-short")
    return Signal(float((duplicate.values[~held] == 0).sum()) / seconds)
