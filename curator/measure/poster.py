"""Small pictures of the footage, for people who look at reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Poster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """A JPEG picture of at most 192 px for every two seconds, upright, as a viewer sees it.

    The values are the bytes of JPEG files; nothing can be decided on them.
    Typical: 3..9 kB each.
    What fools it: nothing to be fooled; HDR is shown as it was converted for the RGB view.
    Source: OpenCV's JPEG encoder, quality 80; no code or weights of others.
    """

    name: ClassVar[str] = "poster"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0001
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="jpeg", unit="jpeg", about="a small picture, as the bytes of a JPEG file"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"rgb": FrameNeed(view=View.rgb, fps=Fraction(1, 2), max_side_px=192)}

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
        block = tile.frames["rgb"]
        pictures = [_jpeg(frame) for frame in block.pixels[block.own]]
        # numpy strips NULs at the end of bytes; a JPEG file ends in FF D9.
        return {"jpeg": block.series(np.array(pictures, dtype="S"))}


def _jpeg(frame: npt.NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80]
    )
    assert done, "OpenCV always knows JPEG"
    return bytes(data)
