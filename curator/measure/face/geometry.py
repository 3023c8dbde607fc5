"""What the points of a face say about the head: where it looks, whether eyes and mouth are open."""

from __future__ import annotations

import math

import numpy as np

from curator.infer.boxes import Points

__all__ = ["angles_deg", "eyes_open", "mouth_open"]


def angles_deg(points: Points) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a head, degrees, as a viewer of the picture sees them.

    Yaw is positive when the nose points to the right of the picture, pitch when it points up, roll
    when the head leans clockwise. Mirroring the picture turns the signs of yaw and roll.
    The rotation is the one that best carries the canonical face onto the points (weighted
    orthogonal Procrustes, weights and basis of MediaPipe's face geometry module).
    """
    seen = points[_BASIS]
    offset = (seen - _WEIGHT @ seen) * _WEIGHT[:, None]
    left, _, right = np.linalg.svd(offset.T @ _CANONICAL)
    sign = np.sign(np.linalg.det(left @ right))
    turn = left @ np.diag([1.0, 1.0, sign]) @ right
    nose = -turn[:, 2]
    yaw = math.atan2(nose[0], -nose[2])
    pitch = math.asin(min(1.0, max(-1.0, -float(nose[1]))))
    roll = math.atan2(turn[1, 0], turn[0, 0])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def mouth_open(points: Points) -> float:
    """Gap between the inner lips over the width of the mouth."""
    return _distance(points, 13, 14) / max(_distance(points, 78, 308), 1e-6)


def eyes_open(points: Points) -> float:
    """Mean over both eyes of the gap between the lids over the width of the eye."""
    return (_eye(points, 159, 145, 33, 133) + _eye(points, 386, 374, 263, 362)) / 2


def _eye(points: Points, upper: int, lower: int, outer: int, inner: int) -> float:
    return _distance(points, upper, lower) / max(_distance(points, outer, inner), 1e-6)


def _distance(points: Points, one: int, other: int) -> float:
    return float(np.linalg.norm(points[one] - points[other]))


# Point, weight, and x, y, z in centimetres (x to the right of the picture, y up, z to the viewer) of
# MediaPipe's canonical face model and geometry pipeline metadata, Apache-2.0. The left half; the
# right half mirrors it, with its own point numbers.
_MIDDLE = (
    (4, 0.070910, 0.000000, -0.463170, 7.586580),
    (6, 0.032100, 0.000000, 2.473255, 5.788627),
    (10, 0.008447, 0.000000, 8.261778, 4.481535),
)
_HALF = (
    (33, 263, 0.058724, 4.445859, 2.663991, 3.173422),
    (54, 284, 0.007667, 6.279331, 6.615427, 1.425850),
    (67, 297, 0.009078, 3.523964, 8.005976, 3.729163),
    (117, 346, 0.009792, 5.258659, 0.945811, 2.974312),
    (119, 348, 0.014565, 3.300681, 0.861641, 3.872784),
    (121, 350, 0.018591, 1.820731, 1.467954, 4.224124),
    (127, 356, 0.005198, 7.743095, 2.364999, -2.005167),
    (129, 358, 0.120625, 1.785794, -0.978284, 4.850470),
    (132, 361, 0.005560, 7.270895, -2.890917, -2.252455),
    (133, 362, 0.053286, 1.856432, 2.585245, 3.757904),
    (136, 365, 0.066890, 5.085276, -7.178590, 0.714711),
    (143, 372, 0.014817, 6.407571, 2.236021, 1.560843),
    (147, 376, 0.014263, 6.234883, -1.944430, 1.663542),
    (198, 420, 0.025462, 1.246815, 0.230297, 5.681036),
    (205, 425, 0.047252, 3.832928, -1.537326, 4.137731),
)
_TABLE = np.array(
    [
        *_MIDDLE,
        *((left, weight, -x, y, z) for left, _, weight, x, y, z in _HALF),
        *((right, weight, x, y, z) for _, right, weight, x, y, z in _HALF),
    ]
)
_BASIS = _TABLE[:, 0].astype(np.int64)
_WEIGHT = _TABLE[:, 1] / _TABLE[:, 1].sum()
_IN_PICTURE = _TABLE[:, 2:] * [1.0, -1.0, -1.0]  # y down, z away from the viewer, as points have it
_CANONICAL = _IN_PICTURE - _WEIGHT @ _IN_PICTURE
