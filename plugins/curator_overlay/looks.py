"""A frame and those around it: what stays put for seconds, and what keeps changing."""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import FrameBlock

__all__ = ["Changes", "Floats", "Planes", "around"]

Planes: TypeAlias = npt.NDArray[np.uint8]
"""``(n, h, w)`` stored luma."""
Floats: TypeAlias = npt.NDArray[np.float32]
_Steps: TypeAlias = npt.NDArray[np.int16]


def around(block: FrameBlock, reach: int) -> list[slice]:
    """For each of the tile's own frames, it and up to `reach` frames on both sides."""
    own = range(len(block.ticks))[block.own]
    return [slice(max(0, index - reach), index + reach + 1) for index in own]


class Changes:
    """What changes from plane to plane; several windows ask for one change, it is worked out once."""

    def __init__(self, planes: Planes) -> None:
        self._planes = planes
        self._known: dict[int, _Steps] = {}

    def keep(self, window: slice, by: float) -> npt.NDArray[np.bool_]:
        """``(h, w)`` where luma changes by at least `by` from frame to frame, in half of the steps or more.

        A cut is one step of many, and light that changes for the whole picture is taken out. Needs two planes.
        """
        steps = [self._step(index) for index in range(len(self._planes))[window][:-1]]
        low, high = _middle(steps)
        return np.asarray(low + high >= 4 * by)

    def _step(self, index: int) -> _Steps:
        if index not in self._known:
            before, after = (
                cv2.blur(plane, (3, 3)).astype(np.int16)
                for plane in self._planes[index : index + 2]
            )
            self._known[index] = _apart_from_light(after - before)
        return self._known[index]


def _apart_from_light(change: _Steps) -> _Steps:
    """Twice the distance of every value from the median of all, which may lie between two whole numbers."""
    return np.asarray(np.abs(2 * change - _doubled_median(change)), np.int16)


def _doubled_median(change: _Steps) -> np.int16:
    # Counting the values up to a bound is many times faster than sorting them, and there are few bounds.
    def reached(count: int) -> int:
        return bisect_left(
            range(-255, 256), count, key=lambda bound: int(np.count_nonzero(change <= bound))
        )

    low, high = reached((change.size + 1) // 2), reached(change.size // 2 + 1)
    return np.int16(low + high - 2 * 255)


def _middle(steps: list[_Steps]) -> tuple[_Steps, _Steps]:
    """The two values in the middle of every place (the same one twice when there is an odd number)."""
    rows = list(steps)
    # Odd-even transposition: for so few it is many times faster than a sort along the first axis.
    for turn in range(len(rows)):
        for i in range(turn % 2, len(rows) - 1, 2):
            pair = rows[i], rows[i + 1]
            rows[i], rows[i + 1] = np.minimum(*pair), np.maximum(*pair)
    return rows[(len(rows) - 1) // 2], rows[len(rows) // 2]
