"""Which frames each need takes for each tile: decided on the frame table alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import FrameNeed, View
from curator.model.tile import TILE_SECONDS
from curator.model.video import FrameTable

__all__ = ["FrameWindows", "ViewKey", "Window", "view_key"]

ViewKey: TypeAlias = tuple[View, int | None]
"""A view and, for `View.rgb`, its longest side: frames are derived once for each."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The frames of one need for one tile, in order: context, the tile's own, context."""

    frames: npt.NDArray[np.int64]
    """Indices into the frame table."""
    before: int
    after: int


class FrameWindows:
    """Windows of several needs over the tiles of one video."""

    def __init__(self, table: FrameTable, needs: Collection[FrameNeed]) -> None:
        self._num_frames = len(table)
        self._selected = {need: table.select(need.fps) for need in sorted(needs, key=_sort_key)}
        num_tiles = -(-table.time(len(table)) // TILE_SECONDS)
        edges = [table.index_at(Fraction(k * TILE_SECONDS)) for k in range(num_tiles + 2)]
        self._edges = np.array(edges)
        # For each need, the position of each tile's first frame among the need's selected frames.
        self._firsts = {n: np.searchsorted(s, self._edges) for n, s in self._selected.items()}
        self.keys: tuple[ViewKey, ...] = tuple(dict.fromkeys(map(view_key, self._selected)))
        """The views to derive, in a fixed order."""

    @property
    def needs(self) -> tuple[FrameNeed, ...]:
        """The needs, in a fixed order."""
        return tuple(self._selected)

    def window(self, need: FrameNeed, tile: int) -> Window:
        """The need's frames for `tile`."""
        selected, firsts = self._selected[need], self._firsts[need]
        first, last = int(firsts[tile]), int(firsts[tile + 1])
        begin, end = max(0, first - need.before), min(len(selected), last + need.after)
        return Window(selected[begin:end], first - begin, end - last)

    def bounds(self, tile: int) -> tuple[int, int] | None:
        """First and last frame that any need takes for `tile`; None when there is none."""
        windows = [self.window(need, tile).frames for need in self._selected]
        filled = [frames for frames in windows if len(frames)]
        if not filled:
            return None
        return int(min(f[0] for f in filled)), int(max(f[-1] for f in filled))

    def tile_end(self, tile: int) -> int:
        """The first frame after `tile`."""
        return int(self._edges[tile + 1])

    def first_frame(self, key: ViewKey, tile: int) -> int:
        """The first frame of a view that `tile` or a later one takes."""
        found = [self._num_frames]
        for need, selected in self._selected.items():
            begin = max(0, int(self._firsts[need][tile]) - need.before)
            if view_key(need) == key and begin < len(selected):
                found.append(int(selected[begin]))
        return min(found)

    def wanted(self, tiles: Sequence[int]) -> npt.NDArray[np.uint32]:
        """``(frames,)`` for each frame of the table, bit k set when view ``keys[k]`` is needed of it."""
        masks = np.zeros(self._num_frames, dtype=np.uint32)
        for need in self._selected:
            bit = np.uint32(1 << self.keys.index(view_key(need)))
            for tile in tiles:
                masks[self.window(need, tile).frames] |= bit
        return masks


def view_key(need: FrameNeed) -> ViewKey:
    """What is derived for a need."""
    return need.view, need.max_side_px


def _sort_key(need: FrameNeed) -> tuple[object, ...]:
    rate = Fraction(0) if need.fps is None else need.fps
    return need.view.name, need.max_side_px or 0, rate, need.before, need.after
