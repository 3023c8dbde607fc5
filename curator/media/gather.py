"""Keeps the views of decoded frames for exactly as long as a tile still needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from curator.abc.measure import AudioBlock, FrameBlock, Need, View
from curator.media.probe import Probe
from curator.media.stats import DecodeStats
from curator.media.views import Pixels, Pyramid
from curator.media.windows import FrameWindows, ViewKey, Window, view_key

__all__ = ["Gather"]

_REORDER_FRAMES = 17
"""No codec shows a frame later than 16 frames after its turn: what is missing then was never decoded."""


class Gather:
    """Views of the frames that some tiles of one video want; frames come in any order."""

    def __init__(self, probe: Probe, windows: FrameWindows, tiles: Sequence[int]) -> None:
        self._table = probe.table
        self._windows = windows
        self._pyramid = Pyramid(probe.info.video)
        self._masks = windows.wanted(tiles)
        self._seen = np.zeros(len(probe.table), dtype=np.bool_)
        self._kept: list[dict[int, Pixels]] = [{} for _ in windows.keys]
        self._small_bits = sum(
            1 << k for k, (view, _) in enumerate(windows.keys) if view in _FROM_SMALL
        )
        self._bounds: tuple[int, tuple[int, int] | None] = (-1, None)
        self.newest = -1
        """The latest frame decoded since `restart`."""

    def restart(self) -> None:
        """Decoding goes on elsewhere."""
        self.newest = -1

    def offer(self, index: int, frame: VideoFrame, stats: DecodeStats) -> None:
        """Derive and keep what is wanted of a decoded frame."""
        self.newest = max(self.newest, index)
        mask = int(self._masks[index])
        if not mask or self._seen[index]:
            return
        start = perf_counter()
        self._seen[index] = True
        small = self._pyramid.small(frame) if mask & self._small_bits else None
        for k, key in enumerate(self._windows.keys):
            if mask >> k & 1:
                self._kept[k][index] = self._derive(key, frame, small)
        stats.spend("views", start)

    def complete(self, tile: int) -> bool:
        """Whether every frame that `tile` wants is here or will never come."""
        if self._bounds[0] != tile:  # asked for every packet
            self._bounds = (tile, self._windows.bounds(tile))
        bounds = self._bounds[1]
        if bounds is None or self.newest >= bounds[1] + _REORDER_FRAMES:
            return True
        if self.newest < bounds[1]:
            return False
        part = slice(bounds[0], bounds[1] + 1)
        return bool(self._seen[part][self._masks[part] > 0].all())

    def blocks(self, tile: int) -> dict[Need, FrameBlock | AudioBlock]:
        """The blocks of a complete tile; needs of one view share its pixels."""
        windows = {need: self._windows.window(need, tile) for need in self._windows.needs}
        out: dict[Need, FrameBlock | AudioBlock] = {}
        for k, key in enumerate(self._windows.keys):
            same = {need: window for need, window in windows.items() if view_key(need) == key}
            strip = self._strip(k, [window.frames for window in same.values()])
            out |= {need: self._block(window, strip) for need, window in same.items()}
        return out

    def forget(self, next_tile: int) -> None:
        """Drop what no tile from `next_tile` on wants."""
        for k, key in enumerate(self._windows.keys):
            limit = self._windows.first_frame(key, next_tile)
            for index in [i for i in self._kept[k] if i < limit]:
                del self._kept[k][index]

    def _derive(self, key: ViewKey, frame: VideoFrame, small: VideoFrame | None) -> Pixels:
        view, max_side_px = key
        if small is not None and view in _FROM_SMALL:
            return self._pyramid.of_small(view, small)
        if view is View.rgb:
            assert max_side_px is not None, "FrameNeed checks it"
            return self._pyramid.rgb(frame, max_side_px)
        return self._pyramid.patches(frame)

    def _strip(self, k: int, wanted: Sequence[npt.NDArray[np.int64]]) -> _Strip:
        """All frames of one view that a tile has, in order."""
        kept = self._kept[k]
        frames = np.unique(np.concatenate(wanted))
        frames = frames[[i in kept for i in frames.tolist()]]
        if len(frames):
            pixels = np.stack([kept[i] for i in frames.tolist()])
        else:
            pixels = np.empty((0, *self._pyramid.shape(*self._windows.keys[k])), np.uint8)
        pixels.setflags(write=False)
        return _Strip(frames, pixels)

    def _block(self, window: Window, strip: _Strip) -> FrameBlock:
        there = np.isin(window.frames, strip.frames, assume_unique=True)
        frames = window.frames[there]
        ticks = self._table.ticks[frames]
        ticks.setflags(write=False)
        return FrameBlock(
            pixels=strip.take(frames),
            ticks=ticks,
            time_base=self._table.time_base,
            before=int(there[: window.before].sum()),
            after=int(there[len(there) - window.after :].sum()),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Strip:
    """One view of some frames."""

    frames: npt.NDArray[np.int64]
    """Their indices, increasing."""
    pixels: Pixels

    def take(self, frames: npt.NDArray[np.int64]) -> Pixels:
        """The pixels of some of the frames: where they lie at equal distances, without a copy."""
        at = np.searchsorted(self.frames, frames)
        step = int(at[1] - at[0]) if len(at) > 1 else 1
        if len(at) and bool(np.all(np.diff(at) == step)):
            return self.pixels[at[0] : at[-1] + 1 : step]
        pixels = self.pixels[at]
        pixels.setflags(write=False)
        return pixels


_FROM_SMALL = frozenset({View.luma, View.chroma, View.thumb})
