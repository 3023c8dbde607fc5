"""One number for technical quality that needs no network: how little is wrong with the pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.pixels.bands import banded_share
from curator.measure.pixels.ends import lost_shares
from curator.measure.pixels.fields import combed_share
from curator.measure.pixels.focus import edge_sharpness
from curator.measure.pixels.grain import grain_sigma
from curator.measure.pixels.grid import grid_steps
from curator.measure.pixels.spectrum import detail_limit
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.video import VideoInfo

__all__ = ["Technical"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]

_PARTS = {
    "focus": "sharpness of the sharpest edges; 1 is crisp",
    "detail": "fine detail that the size promises; 1 is all of it",
    "unblocked": "freedom from the codec's block grid",
    "unbanded": "freedom from steps in smooth surfaces",
    "clean": "freedom from grain and noise",
    "exposed": "freedom from clipping to black and white",
    "progressive": "freedom from interlace combs",
    "bits": "bits that the encoder was given, for the codec and size",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Technical:
    """Technical quality of the pixels from 0 to 1, more is better, at 1 frame per second.

    The product of eight parts from 0 to 1, each a series of its own that says what is wrong:
    `focus`, `detail` (enlarged from less), `unblocked`, `unbanded`, `clean` (grain), `exposed`,
    `progressive` and `bits`. They are fixed curves of what the measures sharpness, upscale,
    blockiness, banding, noise, exposure and combing see, and of the container's bits per pixel for
    its codec, size and frame rate. A part without a value (no edges, no structure) does not count;
    a frame on which neither focus nor detail can be judged (black, fog, plain wall) has no score.
    It judges single pictures: shake, flicker and repeated frames are told by motion, flicker and
    freeze, and text on the picture by text. It is no model of what people like (see dover).
    Typical: 0.75..0.95 crisp camera footage with enough bits; 0.5..0.75 talking heads and web video
    as they are found; 0.3..0.5 soft, blocky or starved, and robot footage enlarged to 720p;
    0.12..0.3 portraits enlarged 2.5 times; below 0.2 enlarged 4 times, blurred, or
    mostly clipped (slides). One clip, degraded: as it is 0.91; Gaussian blur of 1, 2, 4, 8 px 0.85,
    0.44, 0.13, 0.04; H.264 at crf 32, 40, 50 0.81, 0.68, 0.41; strong noise 0.75; enlarged 4 times 0.16; dark 0.5, over-exposed 0.5.
    What fools it: what fools its parts; a shallow focus with a small sharp subject; honest darkness;
    a still camera needs few bits and is marked down a little for it. It judges the pixels of the
    file: footage that will be made smaller can be better than its score, so bounds for samples of
    512 px from films of 720 and more should be low (0.1), and higher where pixels are kept.
    Source: our own combination, ordered by planted distortions (blur, compression, noise, scaling);
    the parts name theirs in their measures. Own code, no weights.
    """

    name: ClassVar[str] = "technical"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.004
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="score", unit="ratio", about="technical quality, 1 is best"),
        *(SeriesSpec(name=name, unit="ratio", about=about) for name, about in _PARTS.items()),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        return {
            "patch": FrameNeed(view=View.patch, fps=Fraction(1)),
            "luma": FrameNeed(view=View.luma, fps=Fraction(1)),
        }

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        return {}


class _Running:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        patches, luma = tile.frames["patch"], tile.frames["luma"]
        bits = _bits(tile.video)
        rows = [
            (*_pictured(crops, plane), bits)
            for crops, plane in zip(patches.pixels[patches.own], luma.pixels[luma.own], strict=True)
        ]
        parts = np.array(rows, np.float32).reshape(-1, len(_PARTS))
        judged = np.isfinite(parts[:, :2]).any(axis=1)
        score = np.where(judged, np.nan_to_num(parts, nan=1.0).prod(axis=1), np.float32(np.nan))
        named = {name: luma.series(parts[:, i].copy()) for i, name in enumerate(_PARTS)}
        return {"score": luma.series(score.astype(np.float32)), **named}


def _pictured(crops: _Bytes, plane: _Bytes) -> tuple[float, ...]:
    """The parts that one frame tells, in the order of `_PARTS`; NaN where it tells nothing."""
    edges = edge_sharpness(crops) if len(crops) else edge_sharpness(plane[None])
    grid, other = grid_steps(crops)
    return (
        1 - math.exp(-((edges / 0.4) ** 2)),  # 0.7 crisp: 0.95; 0.4: 0.63; 0.2 blurred: 0.22
        _whole(detail_limit(crops) / 0.8),
        _falling((grid - other) / (other + _MASKED), 0.3),
        math.exp(-banded_share(crops)),
        _falling(grain_sigma(crops), 5.0),
        1 - 0.8 * min(1.0, sum(lost_shares(plane))),
        _falling(combed_share(crops), 0.05),
    )


_MASKED = 1.0  # luma: where little happens, grid steps of a fraction of this are still not seen


def _whole(detail: float) -> float:
    """1 from 1 up; weak below, since `focus` tells what is soft already. 0.5: 0.81, 0.25: 0.66."""
    return math.pow(min(detail, 1.0), 0.3)  # in this order a NaN stays one


def _falling(defect: float, half: float) -> float:
    """1 without the defect, one half at `half`."""
    return 1 / (1 + (max(0.0, defect) / half) ** 2) if not math.isnan(defect) else math.nan


_EFFICIENCY = {"hevc": 0.6, "vp9": 0.65, "av1": 0.5, "vvc": 0.4, "vp8": 1.2, "mpeg4": 1.5, "mpeg2video": 2.0}  # fmt: skip
"""Bits that a codec needs for the same picture, of those of H.264; others are taken for H.264."""
_ENOUGH = 0.03  # bits per pixel of H.264 at 720p and 25 fps; 0.1 is generous, 0.01 starved


def _bits(info: VideoInfo) -> float:
    """1 when the encoder had bits enough; a weak curve, since still pictures need few."""
    video = info.video
    if not info.bits_per_pixel:
        return math.nan
    # Large pictures and high frame rates repeat themselves, so a pixel needs fewer bits.
    scale = (video.height_px * video.width_px / (1280 * 720)) ** 0.25 * (info.fps / 25) ** 0.25
    density = info.bits_per_pixel * scale / _EFFICIENCY.get(video.codec, 1.0)
    return math.pow(1 - math.exp(-density / _ENOUGH), 0.2)
