"""What several measures ask of the same pixels is worked out once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["once"]

_Bytes: TypeAlias = npt.NDArray[np.uint8]
T = TypeVar("T")

_KEPT = 16
"""Pictures remembered by each function: those of one tile, since measures work tile by tile."""
_SAMPLE = (slice(None), slice(5, None, 31), slice(3, None, 17))


def once(judge: Callable[[_Bytes], T]) -> Callable[[_Bytes], T]:
    """Remember what `judge`, a pure function of ``(k, h, w)`` crops, said of the last pictures.

    A picture is known again by all its bytes, so who asked before cannot matter. It is kept, not
    copied: crops must not be changed afterwards, as those of a `FrameBlock` cannot be.
    """
    known: OrderedDict[tuple[tuple[int, ...], bytes], tuple[_Bytes, T]] = OrderedDict()

    @wraps(judge)
    def judged(crops: _Bytes) -> T:
        if crops.flags.writeable:
            return judge(crops)
        key = crops.shape, crops[_SAMPLE].tobytes()
        if key in known and np.array_equal(known[key][0], crops):
            return known[key][1]
        known[key] = crops, judge(crops)
        known.move_to_end(key)
        if len(known) > _KEPT:
            known.popitem(last=False)
        return known[key][1]

    return judged
