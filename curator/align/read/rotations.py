"""Rotations as unit quaternions (w, x, y, z) in the last axis, and skeletons put into the world."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "about", "forward", "from_axis_angle", "from_matrix", "multiply", "rotate"]

Floats = npt.NDArray[np.float64]


def about(axis: int, radians: Floats) -> Floats:
    """``(n, 4)``: turns around one axis (0, 1, 2) by ``(n,)`` angles."""
    out = np.zeros((*radians.shape, 4))
    out[..., 0] = np.cos(radians / 2)
    out[..., 1 + axis] = np.sin(radians / 2)
    return out


def from_axis_angle(vectors: Floats) -> Floats:
    """``(..., 4)`` of ``(..., 3)`` rotation vectors: the axis, as long as the angle in radians."""
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    # sin(a/2)/a tends to 1/2; sinc(x) is sin(pi x)/(pi x).
    scale = np.sinc(angle / (2 * np.pi)) / 2
    return np.concatenate([np.cos(angle / 2), vectors * scale], axis=-1)


def from_matrix(matrices: Floats) -> Floats:
    """``(n, 4)`` of ``(n, 3, 3)`` rotation matrices; NaN where a matrix has NaNs.

    The largest of the four is taken from the diagonal and the others from it, so that none is
    divided by a small number. Source: Shepperd, Journal of Guidance and Control 1(3), 1978.
    """
    m = matrices
    trace = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    squares = np.stack([trace, m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]], axis=-1)
    largest = np.argmax(squares, axis=-1)
    a, b, c = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    d, e, f = m[:, 1, 0] + m[:, 0, 1], m[:, 0, 2] + m[:, 2, 0], m[:, 2, 1] + m[:, 1, 2]
    rows = np.stack(
        [
            np.stack([1 + trace, a, b, c], axis=-1),
            np.stack([a, 1 + 2 * m[:, 0, 0] - trace, d, e], axis=-1),
            np.stack([b, d, 1 + 2 * m[:, 1, 1] - trace, f], axis=-1),
            np.stack([c, e, f, 1 + 2 * m[:, 2, 2] - trace], axis=-1),
        ],
        axis=1,
    )
    chosen = rows[np.arange(len(m)), largest]
    unit: Floats = chosen / np.linalg.norm(chosen, axis=-1, keepdims=True)
    return np.where(unit[:, :1] < 0, -unit, unit)


def multiply(left: Floats, right: Floats) -> Floats:
    """The turn `right` followed by `left`."""
    w, x, y, z = np.moveaxis(left, -1, 0)
    a, b, c, d = np.moveaxis(right, -1, 0)
    return np.stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ],
        axis=-1,
    )


def rotate(turn: Floats, vectors: Floats) -> Floats:
    """``(..., 3)`` vectors turned."""
    w, axis = turn[..., :1], turn[..., 1:]
    across = np.cross(axis, vectors)
    out: Floats = vectors + 2 * (w * across + np.cross(axis, across))
    return out


def forward(parents: Sequence[int], offsets: Floats, turns: Floats) -> Floats:
    """Joint positions in the world by forward kinematics.

    Args:
        parents: each joint's parent, before it in order; -1 for a root.
        offsets: ``(n or 1, joints, 3)`` from the parent, in the parent's frame.
        turns: ``(n, joints, 4)`` against the parent.

    Returns:
        ``(n, joints, 3)``, in the unit of the offsets.
    """
    count = len(turns)
    where = np.empty((count, len(parents), 3))
    world = np.empty((count, len(parents), 4))
    for joint, parent in enumerate(parents):
        if parent < 0:
            where[:, joint], world[:, joint] = offsets[:, joint], turns[:, joint]
        else:
            arm = np.broadcast_to(offsets[:, joint], (count, 3))
            where[:, joint] = where[:, parent] + rotate(world[:, parent], arm)
            world[:, joint] = multiply(world[:, parent], turns[:, joint])
    return where
