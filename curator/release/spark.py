"""Histograms as text: a card is read where no picture can be drawn."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["spark"]

_LEVELS = "▁▂▃▄▅▆▇█"
_NONE = "·"
_BOUND = "¦"


def spark(counts: Sequence[int], bounds: Sequence[float] = (), *, low: float, high: float) -> str:
    """One sign for each bin, taller for more; ``¦`` where a bound lies, ``·`` for none.

    >>> spark([0, 1, 8, 4], [2.5], low=0, high=4)
    '·▁¦█▄'
    """
    most = max(counts, default=0)
    if most == 0:
        return ""
    step = (high - low) / len(counts)
    at = {min(len(counts), max(0, int((bound - low) / step))) for bound in bounds}
    signs = [_NONE if n == 0 else _LEVELS[-(-n * len(_LEVELS) // most) - 1] for n in counts]
    marked = [(_BOUND if index in at else "") + sign for index, sign in enumerate(signs)]
    return "".join(marked) + (_BOUND if len(counts) in at else "")
