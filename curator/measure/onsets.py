"""When something begins, in the pictures and in the sound: what their synchrony is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import (
    AudioBlock,
    AudioNeed,
    ClipSeries,
    FrameBlock,
    FrameNeed,
    Need,
    Tile,
    View,
    Weight,
)
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support
from curator.model.span import Span

__all__ = ["Onsets"]

_Plane: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float32]

_SIDE_PX = 160
_BLUR_PX = 2.0  # of those 160: edges of what moves are wider than a frame's step
_CELLS = (16, 9)
_FULL = 255 / 219  # stored luma is limited range by contract
_RATE_HZ = 16_000
_HOP = Fraction(1, 500)
_HOP_SAMPLES = 32
_HALF_WINDOW = 64
_FLOOR_DB = -120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Onsets:
    """Change of the picture from every frame to the next, and the level of the sound 500 times a second.

    `change` is the mean absolute difference of two pictures in a row, made 160 px small and blurred
    (so that a thin limb that moves twice as far changes twice as much), per second. `flash` is the
    largest rise of brightness in any of 16 x 9 cells: a lamp, a clapperboard's hit, a screen that lights up.
    `level` is that of the sound in windows of 8 ms, after a first difference that takes rumble out.
    None of them says anything alone: aligners compare them with each other and with sidecars.
    Typical: `change` below 5 a still picture, 10..60 a talking head, 50..300 sport, above 500 a whip pan;
    `flash` below 3 without, 20..200 with a flash. `level` -70 dB a quiet room, -40..-15 speech.
    What fools it: a moving camera changes everything; film grain and flicker raise `change` to 20 and more;
    cuts are flashes; repeated frames (10 fps in 30) change nothing and then three times as much.
    Source: our own definitions; onset levels after Bello et al.,
    "A tutorial on onset detection in music signals", IEEE TSAP 13, 2005. No weights.
    """

    name: ClassVar[str] = "onsets"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.005
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="change",
            unit="luma/s",
            about="mean difference from the frame before, per second",
            support=Support.pair,
        ),
        SeriesSpec(
            name="flash",
            unit="luma",
            about="largest rise of brightness in a cell since the frame before",
            support=Support.pair,
        ),
        SeriesSpec(name="level", unit="dB", about="level of the sound in 8 ms, rumble left out"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        """Every frame, with the one before; mono sound."""
        around = Fraction(2 * _HALF_WINDOW, _RATE_HZ)
        return {
            "luma": FrameNeed(view=View.luma, before=1),
            "sound": AudioNeed(
                sample_rate_hz=_RATE_HZ, before_seconds=around, after_seconds=around
            ),
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
        seen = _seen(tile.frames["luma"])
        sound = tile.audio.get("sound")
        return seen if sound is None else {**seen, "level": _level(tile.span, sound)}


def _seen(block: FrameBlock) -> dict[str, Series]:
    change, flash = (np.full(len(block.ticks), np.nan, np.float32) for _ in range(2))
    seconds = np.diff(block.ticks).astype(np.float64) * float(block.time_base)
    last: tuple[_Floats, _Floats] | None = None
    for index, plane in enumerate(block.pixels):
        now = _smooth(plane), _cells(plane)
        if last is not None:
            change[index] = cv2.absdiff(now[0], last[0]).mean() * _FULL / seconds[index - 1]
            flash[index] = max(0.0, float((now[1] - last[1]).max())) * _FULL
        last = now
    return {"change": block.series(change[block.own]), "flash": block.series(flash[block.own])}


def _smooth(plane: _Plane) -> _Floats:
    height, width = plane.shape
    scale = min(1.0, _SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), _BLUR_PX), np.float32)


def _cells(plane: _Plane) -> _Floats:
    """Mean brightness of 16 x 9 cells, the long side along the long side."""
    size = _CELLS if plane.shape[1] >= plane.shape[0] else _CELLS[::-1]
    cells = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32)


def _level(span: Span, block: AudioBlock) -> Series:
    """Levels around every 2 ms of the video's clock, over a full-scale square wave."""
    first, last = ceil(span.start / _HOP), ceil(span.end / _HOP)
    heard = np.where(block.covered, block.samples[0], 0).astype(np.float64)
    # The first difference where both samples are real: what begins with sound is no jump from 0.
    steps = np.diff(heard, prepend=heard[:1])
    begin = first * _HOP_SAMPLES - _HALF_WINDOW - block.start
    padded = np.concatenate(
        [np.zeros(max(0, -begin)), steps[max(0, begin) :], np.zeros(2 * _HALF_WINDOW)]
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF_WINDOW)[::_HOP_SAMPLES]
    ticks = np.arange(first, last, dtype=np.int64)[: len(windows)]
    taper = np.hanning(2 * _HALF_WINDOW)
    power = np.square(windows[: len(ticks)]) @ (taper / taper.sum())
    level = 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DB / 10)))
    return Series(ticks, _HOP, level.astype(np.float32))
