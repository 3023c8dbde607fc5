"""The sway of a hand-held camera, taken out before two planes are compared."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["steadied"]

_Floats: TypeAlias = npt.NDArray[np.float32]

_CORNERS = 120
_QUALITY = 0.02
_APART_PX = 5
_LEAST_CORNERS = 12
_AGREE_PX = 0.7
_MOST = 0.02
"""Share of the longer side by which the picture may have moved: a hand that holds still, not a pan."""


def steadied(plane: _Floats, other: _Floats) -> _Floats | None:
    """`other` moved onto `plane` by the similarity that most corners agree on.

    None where there is none, or where a corner of the picture would move by more than 2 % of the
    longer side: then somebody moves the camera, and what changes is no news of the scene.
    """
    now, then = (np.clip(one, 0, 255).astype(np.uint8) for one in (plane, other))
    corners = cv2.goodFeaturesToTrack(now, _CORNERS, _QUALITY, _APART_PX)
    if corners is None or len(corners) < _LEAST_CORNERS:
        return None
    found, seen, _ = cv2.calcOpticalFlowPyrLK(now, then, corners, None, winSize=(11, 11))  # type: ignore[call-overload]
    there = seen.ravel() == 1
    if there.sum() < _LEAST_CORNERS:
        return None
    # Seeded by OpenCV itself: the same corners give the same answer.
    back, _ = cv2.estimateAffinePartial2D(
        corners[there], found[there], method=cv2.RANSAC, ransacReprojThreshold=_AGREE_PX
    )
    if back is None or _shift(back, plane.shape) > _MOST * max(plane.shape):
        return None
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    height, width = plane.shape
    moved = cv2.warpAffine(
        other, back, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


def _shift(back: npt.NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """Longest way of a corner of the picture, px."""
    height, width = shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    return float(np.hypot(*(corners @ back[:, :2].T + back[:, 2] - corners).T).max())
