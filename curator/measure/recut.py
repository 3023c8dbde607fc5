"""Cuts that a shot detector missed: a cheap second opinion inside each clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support

__all__ = ["Recut"]

_Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recut:
    """How much a frame looks like the first of another shot, from thumbnails of every frame.

    Two distances to the frame before: of the colour histograms (what is seen, wherever it is) and of
    the structure (where it is, however bright). From each the second largest among its six
    neighbours in time is taken off, so that motion, flashes and flicker, which last or come back,
    leave nothing; `score` is the geometric mean of what is left. `strongest` is its maximum in the
    clip.
    Typical: `strongest` below 0.15 in a clean shot, above 0.3 for a hard cut, 0.6..1 for a plain one.
    What fools it: cuts between alike pictures (jump cuts, shot and reverse shot on one set) score
    low; so do dissolves and fades; a lens that is covered, or one fast foreground object, may reach
    0.2.
    Source: twin comparison of histogram and structure (contrast and structure of SSIM, Wang et al.
    2004) with a temporal order filter, own design; own code, no weights.
    """

    name: ClassVar[str] = "recut"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0004
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="score",
            unit="ratio",
            about="likeness of a cut between the frame before and this one",
            support=Support.pair,
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="strongest", unit="ratio", about="highest likeness of a cut in the clip"),
    )

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"thumb": FrameNeed(view=View.thumb, before=_REACH + 1, after=_REACH)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        score = clip.series.get("score")
        if score is None or not np.isfinite(score.values.astype(np.float32)).any():
            return {"strongest": Signal(None, absent="too-short")}
        return {"strongest": Signal(float(np.nanmax(score.values.astype(np.float32))))}


_REACH = 3  # frames on each side that may excuse a change
_BITS = 3  # of each colour: 512 bins
_FLAT = 20.0  # luma^2: pictures with less variance are alike in structure
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["thumb"]
        score = np.full(len(block.pixels), np.nan, np.float32)
        if len(score) > 1:
            content = _outstanding(_histogram_distance(block.pixels))
            score[1:] = np.sqrt(content * _outstanding(_structure_distance(block.pixels)))
        return {"score": block.series(score[block.own])}


def _histogram_distance(thumbs: npt.NDArray[np.uint8]) -> _Floats:
    """Share of pixels that change their colour bin, for each pair: ``(n - 1,)`` in [0, 1]."""
    count = len(thumbs)
    levels = (thumbs >> (8 - _BITS)).astype(np.int32)
    bins = (levels[..., 0] << 2 * _BITS) | (levels[..., 1] << _BITS) | levels[..., 2]
    size = 1 << 3 * _BITS
    flat = (bins.reshape(count, -1) + np.arange(count, dtype=np.int32)[:, None] * size).ravel()
    counts = np.bincount(flat, minlength=count * size).reshape(count, size)
    moved = np.abs(np.diff(counts, axis=0)).sum(axis=1) / 2
    return np.asarray(moved / (bins.size / count), np.float32)


def _structure_distance(thumbs: npt.NDArray[np.uint8]) -> _Floats:
    """1 minus the contrast-structure term of SSIM over the whole picture, clipped: ``(n - 1,)`` in [0, 1]."""
    luma = thumbs.reshape(len(thumbs), -1, 3).astype(np.float32) @ _LUMA
    luma -= luma.mean(axis=1, keepdims=True)
    variance = np.square(luma).mean(axis=1)
    together = (luma[1:] * luma[:-1]).mean(axis=1)
    alike = (2 * together + _FLAT) / (variance[1:] + variance[:-1] + _FLAT)
    return np.asarray(np.clip(1 - alike, 0, 1), np.float32)


def _outstanding(distance: _Floats) -> _Floats:
    """What is left of each distance without the second largest of its neighbours in time."""
    padded = np.pad(distance, _REACH)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _REACH + 1)
    neighbours = np.delete(windows, _REACH, axis=1)
    second = np.sort(neighbours, axis=1)[:, -2]
    return np.asarray(np.clip(distance - second, 0, 1), np.float32)
