"""How well the sharpest parts of the picture are focused, at the resolution the file claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.measure.picture import BLACK, active
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Sharpness"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpness:
    """Width of the sharpest edges in native pixels, as a score from 0 to 1; more is sharper.

    On native-resolution patches (on the small plane when the picture is too small for patches) the
    luma gradient at scale 0.7 px is compared with the gradient at scale 2 px, at the ridges of the
    latter, in cells of 32 px; the score is taken from the sharpest quarter of the cells, so a face
    before a blurred background is sharp. Ratio r gives ``u = r^2 - 1`` and ``score = u / (u + 2)``.
    For a step edge blurred by a Gaussian of s px: s=0 0.68, s=0.5 0.62, s=1 0.49, s=1.5 0.36,
    s=2 0.26, s=4 0.09; fine texture and thin lines lie above 0.68.
    Typical: `score` 0.5..0.9 for footage in focus at its native size, below 0.3 visibly blurred,
    below 0.4 enlarged from a quarter of the width. `laplacian` (on the small plane, so it compares
    across resolutions) 20..60 soft, 200 and more crisp.
    What fools it: a sharp logo or subtitle over a blurred picture; sharpening halos raise it;
    motion blur lowers it only for edges across the motion. Grain does not read as sharp: the
    gradient is averaged along edges, and edges must stand out from the noise. A soft 4K film scores
    lower than its 1080p version: the score judges pixels, not viewing distance. No value where the
    picture has no edges (black, fog, plain wall).
    Source: re-blurring at edges after Zhuo and Sim, "Defocus map estimation from a single image",
    Pattern Recognition 44 (2011); variance of the Laplacian after Pech-Pacheco et al., ICPR 2000.
    Own code, no weights.
    """

    name: ClassVar[str] = "sharpness"
    version: ClassVar[int] = 2
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0045
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="score", unit="ratio", about="focus of the sharpest parts, native pixels"),
        SeriesSpec(
            name="laplacian", unit="luma^2", about="variance of the Laplacian of the small plane"
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    fps: float = 2.0
    """Frames judged per second."""

    @property
    def needs(self) -> Mapping[str, Need]:
        fps = Fraction(str(self.fps))
        return {
            "patch": FrameNeed(view=View.patch, fps=fps),
            "luma": FrameNeed(view=View.luma, fps=fps),
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
        native, small = patches.pixels[patches.own], luma.pixels[luma.own]
        score = [
            _score(crops) if len(crops) else _score(plane[None])
            for crops, plane in zip(native, small, strict=True)
        ]
        laplacian = [_laplacian(plane) for plane in small]
        return {
            "score": luma.series(np.array(score, np.float32)),
            "laplacian": luma.series(np.array(laplacian, np.float32)),
        }


_FINE_PX, _COARSE_PX = 0.7, 2.0
_CELL_PX = 32
_MARGIN_PX = (
    8  # the filters reach 6 px, so ridges nearer to a crop's border than this are not judged
)
_MIN_RIDGE_PX = 5
_MIN_CELLS = 2
_FAINT = 0.75  # luma per px: below this an 8-bit ramp is a staircase
_HALF = 2.0  # value of u at which the score is one half


def _score(crops: _Bytes) -> float:
    """Score of ``(k, h, w)`` crops of one picture; NaN when it has no edges."""
    if not len(crops) or min(crops.shape[1:]) < 2 * _MARGIN_PX + 8:
        return float("nan")
    # One tall picture: filters bleed over the seams, and the margins are not judged.
    canvas = crops.reshape(-1, crops.shape[2])
    plane = canvas.astype(np.float32)
    wide = cv2.GaussianBlur(plane, (13, 13), _COARSE_PX)
    coarse_x = np.asarray(cv2.Sobel(wide, cv2.CV_32F, 1, 0, ksize=1, scale=0.5), np.float32)
    coarse_y = np.asarray(cv2.Sobel(wide, cv2.CV_32F, 0, 1, ksize=1, scale=0.5), np.float32)
    coarse = np.asarray(cv2.magnitude(coarse_x, coarse_y), np.float32)
    judged = _judged(crops).reshape(canvas.shape)
    at = np.flatnonzero((coarse >= cv2.dilate(coarse, _BOX)) & judged & (coarse > _FAINT))
    if not len(at):
        return float("nan")
    strength = coarse.ravel()[at]
    noise = _noise(canvas)
    top = int(0.98 * (len(strength) - 1))
    relative = 0.6 * float(np.partition(strength, top)[top])
    strong = strength > max(_FAINT + 0.3 * noise, min(6.0, relative))
    at, strength = at[strong], strength[strong]
    x, y = _slopes(cv2.GaussianBlur(plane, (7, 7), _FINE_PX), at)
    # Along the coarse gradient noise has no sign, so it averages out over a cell.
    along = x * coarse_x.ravel()[at] + y * coarse_y.ravel()[at]
    rows, columns = np.divmod(at, canvas.shape[1])
    cells = rows // _CELL_PX * (canvas.shape[1] // _CELL_PX + 1) + columns // _CELL_PX
    return _sharpest(cells, strength, np.asarray(along / strength, np.float32))


def _sharpest(cells: npt.NDArray[np.intp], coarse: _Floats, fine: _Floats) -> float:
    """The score from gradients at ridges, each with the number of its cell."""
    if len(cells) < _MIN_RIDGE_PX:
        return float("nan")
    enough = np.bincount(cells) >= _MIN_RIDGE_PX
    if int(enough.sum()) < _MIN_CELLS:  # a few stray edges: all of them together
        cells, enough = np.zeros_like(cells), np.ones(1, np.bool_)
    ratios = np.bincount(cells, fine)[enough] / np.bincount(cells, coarse)[enough]
    excess = max(float(np.percentile(ratios, 75)), 1.0) ** 2 - 1
    return excess / (excess + _HALF)


def _judged(crops: _Bytes) -> npt.NDArray[np.bool_]:
    """Where edges count: away from a crop's border and from black bars, whose edge is always sharp."""
    height, width = crops.shape[1:]
    rows, columns = crops.max(axis=2) > BLACK, crops.max(axis=1) > BLACK
    judged = np.zeros(crops.shape, np.bool_)
    for crop, lit_rows, lit_columns in zip(judged, rows, columns, strict=True):
        top, bottom = lit_rows.argmax(), lit_rows[::-1].argmax()
        left, right = lit_columns.argmax(), lit_columns[::-1].argmax()
        crop[
            top + _MARGIN_PX : max(0, height - bottom - _MARGIN_PX),
            left + _MARGIN_PX : max(0, width - right - _MARGIN_PX),
        ] = True
    return judged


def _noise(canvas: _Bytes) -> float:
    """Standard deviation of the grain, luma: Immerkaer's filter, and the median, so that edges do not count."""
    response = cv2.convertScaleAbs(cv2.sepFilter2D(canvas, cv2.CV_16S, _IMMERKAER, _IMMERKAER))
    response = response[::2]  # neighbours tell the same, and counting costs more than filtering
    counts = cv2.calcHist([response], [0], None, [256], [0, 256]).ravel()
    median = int(np.searchsorted(np.cumsum(counts), response.size / 2))
    return median / (6 * 0.6745)


def _slopes(plane: npt.ArrayLike, at: npt.NDArray[np.intp]) -> tuple[_Floats, _Floats]:
    """Central differences to the right and down at flat positions `at` inside the plane, luma per px."""
    values = np.asarray(plane, np.float32)
    flat, width = values.ravel(), values.shape[1]
    half = np.float32(0.5)
    return half * (flat[at + 1] - flat[at - 1]), half * (flat[at + width] - flat[at - width])


def _laplacian(plane: _Bytes) -> float:
    """Variance of the Laplacian inside the picture, bars left out."""
    inside = active(plane)
    if min(inside.shape) < 3:
        return 0.0
    response = cv2.Laplacian(inside, cv2.CV_16S)[1:-1, 1:-1]
    return float(cv2.meanStdDev(response)[1][0, 0]) ** 2


_BOX = np.ones((3, 3), np.uint8)
_IMMERKAER = np.array([1, -2, 1], np.float32)  # along rows and columns
