"""Light that changes for the whole picture at once: flicker, pumping exposure, slow drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.picture import block_means
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support

__all__ = ["Flicker"]

_Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flicker:
    """Amplitude of global brightness over time, in stored luma steps, from every frame of the small plane.

    `change` is the median over blocks of 20 px of the change of the block's mean: what moves in the
    picture changes some blocks, light changes all of them. Black blocks (bars) do not vote. The
    changes are added up to a path of brightness; `amplitude` is that of a sine wave around its
    1 s mean, cut off at twice the median, so slow drift and single flashes do not count; `drift` is
    the range of the 1 s mean (of clips of 2 s and more).
    Typical: `amplitude` below 0.5 for steady light, 1..3 visible flicker (old film, mains light,
    hunting exposure), above 5 a strobe; `drift` below 5, clouds or a dimmer 10..40.
    What fools it: violent camera shake over a contrasty scene moves most blocks at once; flicker
    slower than 1 Hz is drift; flicker of single lamps or screens in the picture is not global.
    Source: global brightness fluctuation as in deflicker filters (van Roosmalen, "Restoration of
    archived film and video", 1999, ch. 3), made robust by a median over blocks. Own code, no
    weights.
    """

    name: ClassVar[str] = "flicker"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0006
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="change",
            unit="luma",
            about="change of light since the frame before, positive when brighter",
            support=Support.pair,
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="amplitude", unit="luma", about="amplitude of fast changes of light"),
        SignalSpec(name="drift", unit="luma", about="range of slow changes of light"),
    )

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"luma": FrameNeed(view=View.luma, before=1)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        change = clip.series.get("change")
        if change is None or len(change) < _MIN_SAMPLES:
            return {spec.name: Signal(None, absent="too-short") for spec in self.signals}
        path = np.cumsum(np.nan_to_num(change.values.astype(np.float64)))
        slow, reach = _mean_around(change.seconds, path)
        inner = reach >= reach.max() / 2
        beside = np.abs(path - slow)[inner]
        # A sine never leaves 1.42 times its median distance; a single flash does, and is cut off.
        beside = np.minimum(beside, 2 * np.median(beside))
        amplitude = float(np.sqrt(2 * np.square(beside).mean()))
        signals = {"amplitude": Signal(amplitude), "drift": Signal(None, absent="too-short")}
        if clip.span.seconds >= 2 * _WINDOW_SECONDS:
            signals["drift"] = Signal(float(np.ptp(slow[reach == reach.max()])))
        return signals


_MIN_SAMPLES = 8
_WINDOW_SECONDS = 1.0
_BLACK = 20.0  # stored luma: bars and blocks that cannot get darker do not vote


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["luma"]
        means = block_means(block.pixels).reshape(len(block.ticks), -1)
        change = np.full(len(means), np.nan, np.float32)
        if len(means) > 1:
            change[1:] = _median_change(means[:-1], means[1:])
        return {"change": block.series(change[block.own])}


def _median_change(
    before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Median over the lit blocks, ``(n,)``; 0 where all is black."""
    change = after - before
    change[np.maximum(before, after) < _BLACK] = np.nan
    change[np.isnan(change).all(axis=1)] = 0
    median: npt.NDArray[np.float32] = np.nanmedian(change, axis=1)
    return median


def _mean_around(seconds: _Floats, values: _Floats) -> tuple[_Floats, npt.NDArray[np.int64]]:
    """Mean of `values` within half a second of each sample, and how many samples to each side went in."""
    low = np.searchsorted(seconds, seconds - _WINDOW_SECONDS / 2 + 1e-6)
    high = np.searchsorted(seconds, seconds + _WINDOW_SECONDS / 2 + 1e-6)
    # Near the ends the window is kept symmetric: a slope must not read as a deviation.
    index = np.arange(len(seconds))
    reach = np.minimum(index - low, high - 1 - index)
    total = np.concatenate([[0.0], np.cumsum(values)])
    mean: _Floats = (total[index + reach + 1] - total[index - reach]) / (2 * reach + 1)
    return mean, reach
