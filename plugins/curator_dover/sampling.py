"""Which frames and which pixels of them the networks see: the published sampling, seeded."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["CLIP_FRAMES", "SMALLEST_PX", "fragments", "segments", "thirds", "whole"]

_Frames: TypeAlias = npt.NDArray[np.uint8]
_Indices: TypeAlias = npt.NDArray[np.int64]

CLIP_FRAMES = 32
SMALLEST_PX = 32
"""Frames with a shorter side have no room for a fragment."""
_CLIPS = 3
_STRIDE = 2
_GRID = 7
_FRAGMENT_PX = 32
_SIDE_PX = _GRID * _FRAGMENT_PX


def thirds(num_frames: int, rng: np.random.Generator) -> _Indices:
    """Frames of the technical branch, ``(3, 32)``: every second one, from somewhere in each third."""
    return np.stack(_starts(num_frames, rng, parts=_CLIPS, length=CLIP_FRAMES)) % num_frames


def segments(num_frames: int, rng: np.random.Generator) -> _Indices:
    """Frames of the aesthetic branch, ``(32,)``: one of each of 32 segments.

    As published: the last two frames of a segment are never taken, and of fewer than 32 frames it
    is the first one 32 times.
    """
    parts = _starts(num_frames, rng, parts=CLIP_FRAMES, length=1)
    return np.concatenate(parts) % num_frames


def _starts(
    num_frames: int, rng: np.random.Generator, *, parts: int, length: int
) -> list[_Indices]:
    """`length` frames from each of the parts; they run on into the next, and past the end, when short."""
    size = num_frames // parts
    room = size - length * _STRIDE
    offsets = rng.integers(0, room, parts) if room > 0 else np.zeros(parts, np.int64)
    steps = np.arange(length, dtype=np.int64) * _STRIDE
    return [part * size + int(offset) + steps for part, offset in enumerate(offsets)]


def fragments(frames: _Frames, rng: np.random.Generator) -> _Frames:
    """``(n, h, w, 3)`` to ``(n, 224, 224, 3)``: 7 x 7 native pieces of 32 px, at the same places in all frames.

    Raises:
        ValueError: when a side is shorter than 32 px.
    """
    height, width = frames.shape[1:3]
    if min(height, width) < SMALLEST_PX:
        raise ValueError(f"fragments need sides of {SMALLEST_PX} px, got {width} x {height}")
    # The grid is laid over the frame's own size even when the frame was enlarged, so that small
    # videos are judged by their top left part. The published scores were made like this.
    source = _enlarged(frames)
    rows, columns = _places(height, rng), _places(width, rng)
    out = np.empty((len(frames), _SIDE_PX, _SIDE_PX, 3), np.uint8)
    for i in range(_GRID):
        for j in range(_GRID):
            y, x = int(rows[i, j]), int(columns[j, i])
            out[:, i * 32 : i * 32 + 32, j * 32 : j * 32 + 32] = source[:, y : y + 32, x : x + 32]
    return out


def _places(length: int, rng: np.random.Generator) -> _Indices:
    """Where fragments begin along one axis: ``(cells along it, cells across it)``."""
    cell = length // _GRID
    corners = np.minimum(cell * np.arange(_GRID), length - _FRAGMENT_PX)[:, None]
    room = cell - _FRAGMENT_PX
    shape = (_GRID, _GRID)
    return corners + (rng.integers(0, room, shape) if room > 0 else np.zeros(shape, np.int64))


def _enlarged(frames: _Frames) -> _Frames:
    """Frames with a side below 224 px enlarged until both reach it; others as they are."""
    ratio = min(frames.shape[1:3]) / _SIDE_PX
    if ratio >= 1:
        return frames
    import torch
    from torch.nn import functional

    scaled = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2) / 255.0
    scaled = functional.interpolate(scaled, scale_factor=1 / ratio, mode="bilinear")
    # Cut off, not rounded, as published.
    return np.asarray((scaled * 255.0).to(torch.uint8).permute(0, 2, 3, 1).numpy())


def whole(frames: _Frames) -> _Frames:
    """``(n, h, w, 3)`` to ``(n, 224, 224, 3)``, squeezed, bilinear without antialiasing.

    The networks were trained on pictures that were made small like this, with their aliases.
    """
    import torch
    from torch.nn import functional

    scaled = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).float()
    scaled = functional.interpolate(
        scaled, size=(_SIDE_PX, _SIDE_PX), mode="bilinear", antialias=False
    )
    return np.asarray(scaled.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy())
