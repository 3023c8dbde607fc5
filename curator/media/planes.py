"""Parts of decoded planes brought to a size: one resampling from the source's own pixels.

Lanczos with three lobes, widened when pictures are made smaller so that nothing aliases (Pillow's
`resize`: integer arithmetic for 8 bits, the same on every machine). Boxes begin and end between
pixels where they must; what lies around a box takes part at its edges, as in the whole picture.
Chroma is where the standards put it: 4:2:0 samples sit at the left of their pixels (H.264, HEVC).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, floor
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from PIL import Image

__all__ = ["Box", "Planes", "planes_of", "resized"]

_Any: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
_Floats: TypeAlias = npt.NDArray[np.float32]
_Bytes: TypeAlias = npt.NDArray[np.uint8]

_PLANAR = re.compile(r"(yuvj?4\d\dp|gray)(|9|10|12|14|16)(le)?")
_LOBES = 3
_TWINS = {
    "nv12": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "p010le": "yuv420p10le",
    "p210le": "yuv422p10le", "p410le": "yuv444p10le", "p016le": "yuv420p16le",
    "yuyv422": "yuv422p", "uyvy422": "yuv422p", "yuva420p": "yuv420p", "yuva422p": "yuv422p",
    "yuva444p": "yuv444p", "yuva444p10le": "yuv444p10le", "yuva422p10le": "yuv422p10le",
}  # fmt: skip
"""The same samples, laid out one plane after the other."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture in luma pixels from its top left corner; sides may fall between pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """The samples of one frame as it is stored."""

    luma: _Any
    chroma: tuple[_Any, ...]
    """U and V; none for grey pictures."""
    bits: int

    @property
    def steps(self) -> tuple[int, int]:
        """Luma columns and rows per chroma sample."""
        if not self.chroma:
            return 1, 1
        (height, width), (rows, columns) = self.luma.shape, self.chroma[0].shape
        return round(width / columns), round(height / rows)


def planes_of(
    frame: VideoFrame, matrix: Colorspace, source_range: ColorRange, scaler: VideoReformatter
) -> tuple[Planes, ColorRange]:
    """The frame's planes and their range; RGB and odd layouts become 4:4:4 of the same size first."""
    name = frame.format.name
    if not _PLANAR.fullmatch(name) or frame.planes[0].line_size <= 0:
        twin = _TWINS.get(name)
        full_range = source_range if twin else ColorRange.MPEG
        frame = scaler.reformat(
            frame,
            frame.width,
            frame.height,
            twin or ("yuv444p16le" if frame.format.components[0].bits > 8 else "yuv444p"),
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=source_range,
            dst_color_range=full_range,
            threads=1,
        )
        source_range = full_range
    bits = frame.format.components[0].bits
    planes = [_samples(plane, bits) for plane in frame.planes]
    return Planes(planes[0], tuple(planes[1:3]), bits), source_range


def resized(
    planes: Planes,
    box: Box,
    size: tuple[int, int],
    *,
    whole_chroma: bool,
    chroma_at: tuple[float, float] = (0.0, 0.0),
) -> list[_Bytes] | list[_Floats]:
    """Y, U and V of `box` in `size`: uint8 where the source has 8 bits, else float32 in units of 8 bits.

    Args:
        planes: of the whole frame.
        box: what is wanted of it.
        size: width and height of Y.
        whole_chroma: U and V as large as Y; otherwise half as wide and half as high.
        chroma_at: how far samples of the half-sized U and V lie from the middle of their four
            pixels, in pixels of the result: ``(-0.5, 0)`` is at the left.
    """
    width, height = size
    zoom = box.width / width, box.height / height
    small = size if whole_chroma else (width // 2, height // 2)
    at = (0.0, 0.0) if whole_chroma else chroma_at
    out = [_scaled(planes.luma, planes.bits, box, size)]
    across, down = planes.steps
    shift = (across - 1) / 2  # in 4:2:0 a sample is half a pixel left of the middle of its two
    inner = Box(
        (box.x + zoom[0] * at[0] + shift) / across,
        (box.y + zoom[1] * at[1]) / down,
        box.width / across,
        box.height / down,
    )
    out.extend(_scaled(plane, planes.bits, inner, small) for plane in planes.chroma)
    while len(out) < 3:
        out.append(np.full((small[1], small[0]), 128, out[0].dtype))
    return out  # type: ignore[return-value]  # all of one type


def _scaled(plane: _Any, bits: int, box: Box, size: tuple[int, int]) -> _Bytes | _Floats:
    """A part of one plane; beyond its edges the last samples go on."""
    rows = _reach(box.y, box.height, size[1])
    columns = _reach(box.x, box.width, size[0])
    part = _window(plane, rows, columns)
    if bits > 8:
        part = part.astype(np.float32) / np.float32(1 << (bits - 8))
    x, y = box.x - columns[0], box.y - rows[0]
    scaled = Image.fromarray(part).resize(
        size, Image.Resampling.LANCZOS, box=(x, y, x + box.width, y + box.height)
    )
    return np.asarray(scaled)


def _reach(start: float, length: float, count: int) -> tuple[int, int]:
    """The samples that a stretch is made of."""
    support = ceil(_LOBES * max(1.0, length / count)) + 1
    return floor(start) - support, ceil(start + length) + support


def _window(
    plane: _Any, rows: tuple[int, int], columns: tuple[int, int]
) -> npt.NDArray[np.generic]:
    height, width = plane.shape
    inside = plane[
        max(0, rows[0]) : min(height, rows[1]), max(0, columns[0]) : min(width, columns[1])
    ]
    beyond = (
        (max(0, -rows[0]), max(0, rows[1] - height)),
        (max(0, -columns[0]), max(0, columns[1] - width)),
    )
    return np.pad(inside, beyond, mode="edge")


def _samples(plane: VideoPlane, bits: int) -> _Any:
    """``(height, width)`` view of a plane; it keeps the frame alive."""
    if bits == 8:
        low = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        return low[:, : plane.width]
    high = np.frombuffer(memoryview(plane), np.dtype("<u2")).reshape(
        plane.height, plane.line_size // 2
    )
    return high[:, : plane.width]
