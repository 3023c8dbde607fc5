"""A frame and those around it: what stays put for seconds, and what keeps changing."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import FrameBlock

__all__ = ["Floats", "Planes", "around", "keeps_changing"]

Planes: TypeAlias = npt.NDArray[np.uint8]
"""``(n, h, w)`` stored luma."""
Floats: TypeAlias = npt.NDArray[np.float32]


def around(block: FrameBlock, reach: int) -> list[slice]:
    """For each of the tile's own frames, it and up to `reach` frames on both sides."""
    own = range(len(block.ticks))[block.own]
    return [slice(max(0, index - reach), index + reach + 1) for index in own]


def keeps_changing(planes: Planes, by: float) -> npt.NDArray[np.bool_]:
    """``(h, w)`` where luma changes by at least `by` from frame to frame, in half of the steps or more.

    A cut is one step of many, and light that changes for the whole picture is taken out. Needs two planes.
    """
    soft = np.stack([cv2.blur(plane, (3, 3)) for plane in planes]).astype(np.float32)
    steps = np.diff(soft, axis=0)
    steps -= np.median(steps, axis=(1, 2), keepdims=True)
    return np.asarray(np.median(np.abs(steps), axis=0) >= by)
