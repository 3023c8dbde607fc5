"""Pictures in which the mouth has been pushed aside, and how far a mesh says that it went."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from curator.infer.boxes import Picture, Points
from curator.measure.face.mesh import Mesh

__all__ = ["DIAGONALS", "centre_of_mouth", "nudge", "pushed_share", "shaken"]

DIAGONALS = ((1.0, 1.0), (1.0, -1.0))
"""Towards the lower right and the upper right of an upright face.

Something before the mouth may move guessed lips along one of them (an edge, the gap between two
fingers), hardly along both. Straight up or sideways tell less: cheeks and chin go along as well."""

_STEP = 0.06
_REACH = 0.17
_SIDES = (234, 454)
_LIPS = np.array(
    [
        *(0, 13, 14, 17, 37, 39, 40, 61, 78, 80, 81, 82, 84, 87, 88, 91, 95, 146, 178, 181),
        *(185, 191, 267, 269, 270, 291, 308, 310, 311, 312, 314, 317, 318, 321, 324, 375),
        *(402, 405, 409, 415),
    ]
)
_MIDDLE = np.array(
    [0, 13, 14, 17, 37, 39, 81, 82, 84, 87, 178, 181, 267, 269, 311, 312, 314, 317, 402, 405]
)
"""Without the corners, which a wide smile carries out of what is pushed."""


def centre_of_mouth(mesh: Mesh) -> Points:
    """``(2,)`` pixels: mean of the lips between the corners."""
    centre: Points = mesh.points[_MIDDLE, :2].mean(axis=0)
    return centre


def nudge(mesh: Mesh, diagonal: tuple[float, float], tilt_radians: float) -> Points:
    """``(2,)`` pixels: a small step along a diagonal of the face, as far as its width allows."""
    cos, sin = math.cos(tilt_radians), math.sin(tilt_radians)
    turn = np.array([[cos, -sin], [sin, cos]])
    step: Points = _STEP * _width(mesh) * (turn @ np.array(diagonal))
    return step


def pushed_share(mesh: Mesh) -> float:
    """How much of a push reaches the lips: 1 for a small mouth, 0.6 for one that shouts."""
    lips = mesh.points[_MIDDLE, :2]
    return float(_share(mesh, lips[:, 0], lips[:, 1]).mean())


def shaken(picture: Picture, mesh: Mesh, push: Points) -> Picture:
    """The picture with the mouth of `mesh` pushed by `push` pixels, and less and less around it.

    Pixels within a sixth of the width of the face from the middle of the mouth go along as a whole,
    eyes and the outline of the face stay. The picture itself is left as it was.
    """
    height, width = picture.shape[:2]
    x, y = mesh.points[_LIPS, :2].mean(axis=0)
    far = 2.5 * _REACH * _width(mesh)  # beyond, less than a ten-thousandth of the push is left
    left, top = max(0, int(x - far)), max(0, int(y - far))
    right, bottom = min(width, int(x + far) + 1), min(height, int(y + far) + 1)
    if right <= left or bottom <= top:
        return picture
    columns = np.arange(left, right, dtype=np.float32)
    rows = np.arange(top, bottom, dtype=np.float32)[:, None]
    share = _share(mesh, columns, rows)
    from_x = (columns - push[0] * share).astype(np.float32)
    from_y = (rows - push[1] * share).astype(np.float32)
    out = picture.copy()
    out[top:bottom, left:right] = cv2.remap(
        picture, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return out


def _share(mesh: Mesh, x: npt.NDArray[np.generic], y: npt.NDArray[np.generic]) -> Points:
    """The share of a push at these places: 1 at the mouth, flat there, so that lips move as a whole."""
    middle = mesh.points[_LIPS, :2].mean(axis=0)
    far = (x - middle[0]) ** 2 + (y - middle[1]) ** 2
    share: Points = np.exp(-((far / (2 * (_REACH * _width(mesh)) ** 2)) ** 2))
    return share


def _width(mesh: Mesh) -> float:
    one, other = mesh.points[list(_SIDES), :2]
    return float(np.linalg.norm(one - other))
