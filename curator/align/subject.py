"""Where the subject of a clip is, and what is picture at all: boxes from what measures saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.span import Span
from curator.model.video import VideoStream

__all__ = ["Area", "body_boxes", "boxes", "picture_area"]

_Floats: TypeAlias = npt.NDArray[np.float64]

_UPPER_POINTS = 25
"""Of the 33 points: head, arms, hands and hips."""
_EARS, _SHOULDERS = (7, 8), (11, 12)
_VISIBLE = 0.5
_CROWN = 0.75
"""From the ears to the top of the hair, over shoulders to ears: a twelfth over a ninth of the height."""
_FEWEST_POINTS = 4
_MOST_BARS = 0.8
"""Of a side: 9:16 within 21:9 leaves 0.24 of the width."""
_BAR_STEPS = 320
"""The measure `bars` counts in this many steps along the longer side."""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the picture in pixels as shown."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


def boxes(series: Mapping[str, Series], span: Span, video: VideoStream) -> Series | None:
    """``(n, 4)`` centre x and y, width and height in pixels as shown, of a subject seen in `span`.

    Args:
        series: ``x``, ``y``, ``width`` and ``height``: centre and sides as shares of the picture,
            NaN where it is not seen.
        span: the clip.
        video: gives the picture's size.
    """
    parts = [series[name].within(span) for name in ("x", "y", "width", "height") if name in series]
    if len(parts) < 4 or not len(parts[0]):
        return None
    shares = np.stack([np.asarray(part.values, np.float64) for part in parts], axis=1)
    across, down = video.display_width_px, video.display_height_px
    return _known(parts[0], shares * (across, down, across, down))


def body_boxes(keypoints: Series, span: Span, *, upper: bool) -> Series | None:
    """The same around the 33 points of a body, ``(n, 33, 3)`` with x, y in pixels and visibility.

    The head reaches beyond its points: above the ears, away from the shoulders, by a length that is
    the clip's, since who looks down is not shorter.

    Args:
        keypoints: of the measure `pose`.
        span: the clip.
        upper: from the hips up.
    """
    inside = keypoints.within(span)
    points = np.asarray(inside.values, np.float64)
    if not len(points):
        return None
    crown = _crowns(points)
    wanted = points[:, :_UPPER_POINTS] if upper else points
    wanted = np.concatenate([wanted, crown[:, None]], axis=1)
    seen = wanted[:, :, 2] >= _VISIBLE
    places = np.where(seen[:, :, None], wanted[:, :, :2], np.nan)
    out = np.full((len(points), 4), np.nan)
    rows = np.flatnonzero(seen.sum(axis=1) >= _FEWEST_POINTS)
    low, high = np.nanmin(places[rows], axis=1), np.nanmax(places[rows], axis=1)
    out[rows] = np.concatenate([(low + high) / 2, high - low], axis=1)
    return _known(inside, out)


def picture_area(bars: Mapping[str, Series] | None, span: Span, video: VideoStream) -> Area:
    """The picture without its bars: by the least bar of the clip, since real bars stay.

    Where a bar may end in a line that is half picture, that line goes as well. Bars that cannot be
    told (a dark clip) stay.
    """
    across, down = float(video.display_width_px), float(video.display_height_px)
    shares = {
        side: _least((bars or {}).get(side), span) for side in ("top", "bottom", "left", "right")
    }
    line = max(across, down) / _BAR_STEPS
    left, right = (shares[s] * across + line * (shares[s] > 0) for s in ("left", "right"))
    top, bottom = (shares[s] * down + line * (shares[s] > 0) for s in ("top", "bottom"))
    if left + right > _MOST_BARS * across or top + bottom > _MOST_BARS * down:
        return Area(0, 0, across, down)  # hardly any picture: these are no bars
    return Area(left, top, across - right, down - bottom)


def _crowns(points: _Floats) -> _Floats:
    """``(n, 3)`` top of the head, as visible as the ears and shoulders are."""
    ears, shoulders = points[:, _EARS], points[:, _SHOULDERS]
    up = ears[:, :, :2].mean(axis=1) - shoulders[:, :, :2].mean(axis=1)
    length = np.linalg.norm(up, axis=1, keepdims=True)
    visible = np.minimum(ears[:, :, 2].max(axis=1), shoulders[:, :, 2].min(axis=1))
    sure = (visible >= _VISIBLE) & (length[:, 0] > 0)
    usual = float(np.median(length[sure])) if sure.any() else 0.0
    place = ears[:, :, :2].mean(axis=1) + _CROWN * usual * up / np.maximum(length, 1e-6)
    return np.concatenate([place, np.where(sure, visible, 0.0)[:, None]], axis=1)


def _known(like: Series, values: _Floats) -> Series | None:
    """The samples that have a box."""
    there = np.isfinite(values).all(axis=1) & (values[:, 2:] > 0).all(axis=1)
    if not there.any():
        return None
    return Series(like.ticks[there], like.time_base, values[there])


def _least(series: Series | None, span: Span) -> float:
    if series is None:
        return 0.0
    values = np.asarray(series.within(span).values, np.float64)
    known = values[np.isfinite(values)]
    return float(known.min()) if len(known) else 0.0
