"""Hard cuts: frames that share nothing with the one before, while their neighbours do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curator.model.clip import Transition
from curator.segment.boundary import Boundary
from curator.segment.flat import is_flat

__all__ = ["hard_cuts"]

_Floats = npt.NDArray[np.float32]

_WINDOW = 10
"""Frames on each side that say what change is normal here."""
_BUSY = 4
"""The change that counts as normal is the fourth largest of them: above duplicated frames, below a few cuts."""
_STAND_OUT = 0.35
"""Exponent of how far a jump stands out: a jump of 0.2 in a frozen picture (a slide) weighs as much as 0.7 in a moving one."""
_QUIET = 0.01
_FADE_FRAMES = 10
_FADE_SECONDS = 0.5
_FADE_STEPS = 1.8
"""A jump out of black is a step of a fade if the picture goes on to this many times its size."""
_FLASH_FRAMES = 4
_FLASH_SECONDS = 0.2
_SMEAR = 2
"""Most blended frames on each side of a cut."""
_MIXTURE = 0.2
"""Largest part of a blended frame that the two pictures do not explain."""
_BACK = 0.45
"""A picture whose distance is below this share of the jump is the same picture again."""


def hard_cuts(
    jumps: _Floats,
    cells: _Floats,
    seconds: npt.NDArray[np.float64],
    *,
    threshold: float,
) -> list[Boundary]:
    """The cuts of a video, in order.

    Args:
        jumps: ``(n,)``, by `curator.segment.jump`; the first is 0.
        cells: ``(n, rows, columns)`` luma of the signatures.
        seconds: ``(n,)`` times.
        threshold: Lowest strength of a cut.
    """
    strength = strengths(jumps)
    around = _Around(cells, seconds)
    return [
        around.boundary(int(i))
        for i in _peaks(strength, threshold)
        if not around.is_flash(int(i)) and not around.is_fade(int(i))
    ]


def strengths(jumps: _Floats) -> _Floats:
    """``(n,)`` jump times a power of how far it stands out from its neighbours."""
    if len(jumps) == 0:
        return jumps
    padded = np.pad(jumps, _WINDOW, mode="constant", constant_values=0.0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _WINDOW + 1).copy()
    windows[:, _WINDOW] = 0.0  # the frame itself
    normal = np.partition(windows, -_BUSY, axis=1)[:, -_BUSY]
    out = jumps * ((jumps + _QUIET) / (normal + _QUIET)) ** _STAND_OUT
    return np.asarray(out, dtype=np.float32)


def _peaks(strength: _Floats, threshold: float) -> npt.NDArray[np.int64]:
    """Frames above the threshold that no neighbour within two frames exceeds."""
    padded = np.pad(strength, 2, mode="constant")
    highest = np.lib.stride_tricks.sliding_window_view(padded, 5).max(axis=1)
    found: npt.NDArray[np.int64] = np.flatnonzero((strength >= threshold) & (strength == highest))
    return found


class _Around:
    """What the frames around a jump say against a cut."""

    def __init__(self, cells: _Floats, seconds: npt.NDArray[np.float64]) -> None:
        self._cells = cells
        self._centred = cells - cells.mean(axis=(1, 2), keepdims=True)
        self._seconds = seconds

    def boundary(self, frame: int) -> Boundary:
        """The cut, with the blended frames that a frame rate conversion leaves next to it."""
        first = last = frame
        while frame - first < _SMEAR and self._is_mixture(first - 2, first - 1, frame):
            first -= 1
        while last - frame < _SMEAR and self._is_mixture(frame - 1, last, last + 1):
            last += 1
        return Boundary(first, frame, last, Transition.cut)

    def is_flash(self, frame: int) -> bool:
        """Whether the picture before is back within a few frames: lightning, a photographer, a glitch."""
        back = _BACK * self._unlike(frame - 1, frame)
        later = self._near(frame, +1, _FLASH_FRAMES, _FLASH_SECONDS)
        earlier = self._near(frame - 1, -1, _FLASH_FRAMES, _FLASH_SECONDS)
        return any(self._unlike(frame - 1, i) < back for i in later) or any(
            self._unlike(i, frame) < back for i in earlier
        )

    def is_fade(self, frame: int) -> bool:
        """Whether this is one step on the way from or to a single colour, which noise alone can exceed."""
        step = self._distance(frame - 1, frame)
        later = self._near(frame, +1, _FADE_FRAMES, _FADE_SECONDS)
        earlier = self._near(frame - 1, -1, _FADE_FRAMES, _FADE_SECONDS)
        return any(
            self._distance(frame - 1, i) > _FADE_STEPS * step
            and is_flat(self._cells[frame - 1], self._cells[i])
            for i in later
        ) or any(
            self._distance(i, frame) > _FADE_STEPS * step
            and is_flat(self._cells[frame], self._cells[i])
            for i in earlier
        )

    def _is_mixture(self, before: int, frame: int, after: int) -> bool:
        if before < 0 or after >= len(self._cells):
            return False
        whole = self._cells[after] - self._cells[before]
        part = self._cells[frame] - self._cells[before]
        share = float((part * whole).sum() / ((whole * whole).sum() + 1.0))
        rest = float(np.abs(part - share * whole).mean() / (np.abs(whole).mean() + 1.0))
        return 0.12 < share < 0.88 and rest < _MIXTURE

    def _near(self, frame: int, step: int, frames: int, seconds: float) -> list[int]:
        out: list[int] = []
        i = frame + step
        while 0 <= i < len(self._cells) and (
            abs(i - frame) <= frames and abs(self._seconds[i] - self._seconds[frame]) <= seconds
        ):
            out.append(i)
            i += step
        return out

    def _unlike(self, i: int, j: int) -> float:
        return float(np.abs(self._centred[i] - self._centred[j]).mean())

    def _distance(self, i: int, j: int) -> float:
        return float(np.abs(self._cells[i] - self._cells[j]).mean())
