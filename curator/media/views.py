"""The canonical pyramid: how each view of a frame is derived, whatever else is asked for.

Version 1 (`VIEWS_VERSION`, part of every key):

* *small plane*: the stored picture brought to `small_size` as limited-range 8-bit 4:2:0, swscale's
  area filter, bit-exact. `luma`, `chroma` and `thumb` come from it alone.
* *thumb*: 48 x 27 RGB by the area filter from the small plane, the whole picture squeezed in.
* *rgb*: straight from the decoded frame to its final size by the area filter, then turned upright.
* *patch*: stored luma, untouched (10 bits and more are shifted to 8).

A frame whose size is not the header's (a stream that changes midway) is brought to the header's
size first where native pixels are asked for, so a view never changes its shape.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from curator.abc.measure import View
from curator.media.colour import matrix_and_range
from curator.model.video import VideoStream

__all__ = [
    "PATCH_SIDE_PX",
    "THUMB_SIZE",
    "VIEWS_VERSION",
    "Pixels",
    "Pyramid",
    "patch_corners",
    "rgb_size",
    "small_size",
]

VIEWS_VERSION = 1
"""Raise it when the same frame would give another view."""

SMALL_SIDE_PX = 320
THUMB_SIZE = (48, 27)
PATCH_SIDE_PX = 128
_PATCH_GRID_PX = 16
_AREA = Interpolation.AREA | Interpolation.BITEXACT | Interpolation.ACCURATE_RND

Pixels: TypeAlias = npt.NDArray[np.uint8]


def small_size(width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of the small plane: longest side at most 320, both even, never enlarged.

    A side of one pixel becomes two, since 4:2:0 has no smaller picture.
    """
    scale = min(Fraction(1), Fraction(SMALL_SIDE_PX, max(width_px, height_px)))
    return _even(width_px * scale), _even(height_px * scale)


def rgb_size(video: VideoStream, max_side_px: int) -> tuple[int, int]:
    """Width and height of `View.rgb` as shown: upright, square pixels, never enlarged."""
    width, height = video.display_width_px, video.display_height_px
    scale = min(Fraction(1), Fraction(max_side_px, max(width, height)))
    return max(1, round(width * scale)), max(1, round(height * scale))


def patch_corners(width_px: int, height_px: int) -> tuple[tuple[int, int], ...]:
    """Top left corners ``(x, y)`` of the patches, row by row: a 3 x 3 grid, fewer on small frames."""
    return tuple((x, y) for y in _starts(height_px) for x in _starts(width_px))


class Pyramid:
    """Derives views from decoded frames of one video; holds the scalers, keeps no frame."""

    def __init__(self, video: VideoStream) -> None:
        self._size = (video.width_px, video.height_px)
        self._small_size = small_size(*self._size)
        self._corners = patch_corners(*self._size)
        self._video = video
        self._matrix, self._range = matrix_and_range(video)
        self._small, self._thumb, self._native = (VideoReformatter() for _ in range(3))
        self._rgb: dict[int, VideoReformatter] = {}

    def small(self, frame: VideoFrame) -> VideoFrame:
        """The small plane as a frame: what `luma`, `chroma` and `thumb` are cut from."""
        width, height = self._small_size
        return self._small.reformat(
            frame,
            width,
            height,
            "yuv420p",
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            src_color_range=self._range,
            dst_color_range=ColorRange.MPEG,
            interpolation=_AREA,
            threads=1,
        )

    def of_small(self, view: View, small: VideoFrame) -> Pixels:
        """`View.luma`, `View.chroma` or `View.thumb` of a small plane; luma is a view that keeps it alive."""
        if view is View.luma:
            return _plane(small.planes[0])
        if view is View.chroma:
            return np.stack([_plane(small.planes[1]), _plane(small.planes[2])], axis=-1)
        return _packed(self._to_rgb(self._thumb, small, THUMB_SIZE, self._matrix, ColorRange.MPEG))

    def rgb(self, frame: VideoFrame, max_side_px: int) -> Pixels:
        """``(h, w, 3)`` RGB, upright, square pixels."""
        width, height = rgb_size(self._video, max_side_px)
        quarter_turns = self._video.rotation_degrees // 90
        stored = (height, width) if quarter_turns % 2 else (width, height)
        scaler = self._rgb.setdefault(max_side_px, VideoReformatter())
        pixels = _packed(self._to_rgb(scaler, frame, stored, self._matrix, self._range))
        # np.rot90 turns counter-clockwise, the header's rotation is clockwise.
        return np.ascontiguousarray(np.rot90(pixels, -quarter_turns)) if quarter_turns else pixels

    def patches(self, frame: VideoFrame) -> Pixels:
        """``(k, 128, 128)`` crops of stored luma."""
        luma = self._native_luma(frame)
        out = np.empty((len(self._corners), PATCH_SIDE_PX, PATCH_SIDE_PX), np.uint8)
        for k, (x, y) in enumerate(self._corners):
            out[k] = luma(x, y)
        return out

    def shape(self, view: View, max_side_px: int | None) -> tuple[int, ...]:
        """Shape of one frame's view."""
        width, height = self._small_size
        if view is View.rgb:
            assert max_side_px is not None, "FrameNeed checks it"
            width, height = rgb_size(self._video, max_side_px)
            return height, width, 3
        shapes: dict[View, tuple[int, ...]] = {
            View.luma: (height, width),
            View.chroma: (height // 2, width // 2, 2),
            View.thumb: (THUMB_SIZE[1], THUMB_SIZE[0], 3),
            View.patch: (len(self._corners), PATCH_SIDE_PX, PATCH_SIDE_PX),
        }
        return shapes[view]

    def _native_luma(self, frame: VideoFrame) -> _Crop:
        if not _has_luma_plane(frame) or (frame.width, frame.height) != self._size:
            frame = self._native.reformat(
                frame,
                *self._size,
                "yuv444p",
                dst_colorspace=self._matrix,
                dst_color_range=ColorRange.MPEG,
                interpolation=_AREA,
                threads=1,
            )
        bits = frame.format.components[0].bits
        plane = frame.planes[0]
        side = PATCH_SIDE_PX
        if bits == 8:
            low = _plane(plane)
            return lambda x, y: low[y : y + side, x : x + side]
        high = np.frombuffer(memoryview(plane), np.dtype("<u2")).reshape(
            plane.height, plane.line_size // 2
        )
        return lambda x, y: (high[y : y + side, x : x + side] >> (bits - 8)).astype(np.uint8)

    @staticmethod
    def _to_rgb(
        scaler: VideoReformatter,
        frame: VideoFrame,
        size: tuple[int, int],
        matrix: Colorspace,
        source_range: ColorRange,
    ) -> VideoFrame:
        return scaler.reformat(
            frame,
            *size,
            "rgb24",
            src_colorspace=matrix,
            src_color_range=source_range,
            interpolation=_AREA,
            threads=1,
        )


_Crop: TypeAlias = Callable[[int, int], Pixels]


def _plane(plane: VideoPlane) -> Pixels:
    """``(height, width)`` view of an 8-bit plane; it keeps the frame alive."""
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _packed(frame: VideoFrame) -> Pixels:
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : 3 * plane.width].reshape(plane.height, plane.width, 3)


def _has_luma_plane(frame: VideoFrame) -> bool:
    name = frame.format.name
    planar = name.startswith(("yuv4", "yuvj4", "yuva4", "gray", "nv1", "nv2"))
    if frame.planes[0].line_size <= 0:  # stored bottom-up
        return False
    return planar and not name.endswith("be") and not name.startswith("grayf")


def _even(side: Fraction) -> int:
    return max(2, 2 * round(side / 2)) if side != int(side) else max(2, int(side) // 2 * 2)


def _starts(side_px: int) -> tuple[int, ...]:
    """Up to three offsets that spread patches from edge to edge, multiples of 16, no two the same."""
    room = side_px - PATCH_SIDE_PX
    if room < 0:
        return ()
    found = (room * k // 2 // _PATCH_GRID_PX * _PATCH_GRID_PX for k in range(3))
    return tuple(sorted(set(found)))
