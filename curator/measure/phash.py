"""What a picture and its movement look like to a machine that must know them again: hashes and traces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.picture import black_edges
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Phash"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Plane: TypeAlias = npt.NDArray[np.float32]

_SIDE = 64  # px; four samples per period of the finest frequency that is looked at
_LOWEST = 16  # frequencies each way
_GRID = 6
_CROPS = ((0.9, 0.5, 0.5), (0.8, 0.5, 0.5), (0.9, 0, 0), (0.9, 1, 0), (0.9, 0, 1), (0.9, 1, 1))
"""Share of either side that is left, and where: the middle twice, and the corners (left or right, top or bottom)."""
_FLAT = 2.0  # luma; a picture with less contrast than this has no hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Phash:
    """Hashes of the picture, of six crops of it, and a trace of its brightness: what copies share.

    A hash is the signs of the 256 lowest frequencies (16 x 16 of a cosine transform, without the
    mean) of the picture inside its black bars, upright, brought to 64 x 64. Signs do not change with
    brightness, contrast, size or mild compression; mirroring flips those of odd horizontal
    frequencies, so the hash of the mirrored picture is known as well. Of a copy that was cropped,
    the hash is near that of one of the crops: the middle 90 % and 80 % of either side, and 90 % from
    each corner. The trace is the brightness of 6 x 6 parts, 8 times per second: two takes of one
    scene look alike and move differently.
    Unit: bits (a share of those that differ is a distance) and luma 0..255.
    Typical: copies differ in 0..0.1 of the bits, when cropped up to 0.25; strangers in 0.4..0.55.
    What fools it: crops off centre by more than the list knows, large overlays, picture in picture.
    A picture of one tone has no hash: all bits are zero.
    Source: Zauner, "Implementation and benchmarking of perceptual image hash functions" (2010), with
    signs as in Haitsma and Kalker's audio fingerprints (ISMIR 2002). Own code, no weights.
    """

    name: ClassVar[str] = "phash"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0014
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="hash", unit="bits", about="256 bits of the picture", shape=(_LOWEST**2 // 8,)
        ),
        SeriesSpec(
            name="crops",
            unit="bits",
            about="256 bits of each crop, once per second",
            shape=(len(_CROPS), _LOWEST**2 // 8),
        ),
        SeriesSpec(
            name="trace",
            unit="luma",
            about="brightness of parts of the picture",
            shape=(_GRID,) * 2,
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        return {
            "dense": FrameNeed(view=View.luma, fps=Fraction(8)),
            "sparse": FrameNeed(view=View.luma, fps=Fraction(1)),
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
        turns = tile.video.video.rotation_degrees // 90
        dense, sparse = tile.frames["dense"], tile.frames["sparse"]
        planes = [_upright(frame, turns) for frame in dense.pixels[dense.own]]
        bits = [_hash(plane) for plane in planes]
        traces = [cv2.resize(p, (_GRID, _GRID), interpolation=cv2.INTER_AREA) for p in planes]
        crops = [_crops(_upright(frame, turns)) for frame in sparse.pixels[sparse.own]]
        return {
            "hash": dense.series(np.array(bits, np.uint8).reshape(-1, *_shape("hash"))),
            "crops": sparse.series(np.array(crops, np.uint8).reshape(-1, *_shape("crops"))),
            "trace": dense.series(np.array(traces, np.float16).reshape(-1, *_shape("trace"))),
        }


def _shape(name: str) -> tuple[int, ...]:
    declared = next(spec.shape for spec in Phash.series if spec.name == name)
    return tuple(side for side in declared if side is not None)


def _upright(frame: _Bytes, turns: int) -> _Plane:
    """The picture inside its bars as a viewer sees it, ``(64, 64)``; the shape of its pixels does not matter."""
    top, bottom, left, right = black_edges(frame)
    height, width = frame.shape
    inside = frame[top : height - bottom, left : width - right]
    # Area filters are exact for shrinking; a side of a tiny picture is stretched.
    small = cv2.resize(inside.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.rot90(small, -turns), np.float32)


def _crops(plane: _Plane) -> list[_Bytes]:
    out = []
    for share, right, down in _CROPS:
        side = round(_SIDE * share)
        x, y = round((_SIDE - side) * right), round((_SIDE - side) * down)
        part = np.ascontiguousarray(plane[y : y + side, x : x + side])
        out.append(_hash(cv2.resize(part, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)))
    return out


def _hash(plane: npt.NDArray[Any]) -> _Bytes:
    """``(32,)`` bytes: signs by rows of frequencies; the mean's place is taken by the next frequency down."""
    if plane.std() < _FLAT:
        return np.zeros(_LOWEST**2 // 8, np.uint8)
    waves = cv2.dct(plane)
    low = waves[:_LOWEST, :_LOWEST].copy()
    low[0, 0] = waves[_LOWEST, 0]
    return np.packbits(low > 0)
