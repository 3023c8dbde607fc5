"""What the points of one body say: how much of it is in view, how tall it is, which pose it has."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator_motion.body import Body

__all__ = ["FEET", "HIPS", "JOINTS", "cut_limbs", "in_picture", "length_px", "pose", "shares"]

_Floats: TypeAlias = npt.NDArray[np.float64]
_Flags: TypeAlias = npt.NDArray[np.bool_]
_Size: TypeAlias = tuple[int, int]

JOINTS = (11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Shoulders, elbows, wrists, hips, knees, ankles, left before right. Points of face, fingers and toes say little of a pose."""
FEET = ((27, 29, 31), (28, 30, 32))
"""Ankle, heel and toe of either foot."""
HIPS = (23, 24)
_UPPER = JOINTS[:6]
_TIPS = (15, 16, 27, 28)
_SEEN = 0.5


def in_picture(body: Body, size: _Size) -> _Flags:
    """``(33,)`` which points lie in a picture of `size` (height, width), hidden or not."""
    height, width = size
    x, y = body.points[:, 0], body.points[:, 1]
    return np.asarray((x >= 0) & (x <= width) & (y >= 0) & (y <= height))


def shares(body: Body, size: _Size) -> tuple[float, float]:
    """How much of the body can be seen: share of the 12 joints, and of the 6 of arms and shoulders."""
    seen = in_picture(body, size) & (body.visibility >= _SEEN)
    return float(seen[list(JOINTS)].mean()), float(seen[list(_UPPER)].mean())


def cut_limbs(body: Body, size: _Size) -> int:
    """How many of the two hands and two feet the edge of the picture cuts off."""
    return int((~in_picture(body, size)[list(_TIPS)]).sum())


def length_px(body: Body) -> float:
    """Height that the body would have standing upright, pixels: it stays when somebody crouches.

    The network was taught a circle round the body, whatever its pose, that touches head and feet.
    """
    return body.next_region.length


def pose(body: Body) -> _Floats:
    """``(12, 2)`` joints as seen from between the hips, in body lengths: where the camera is or moves does not matter."""
    hips = body.points[list(HIPS)].mean(axis=0)
    return np.asarray((body.points[list(JOINTS)] - hips) / length_px(body))
