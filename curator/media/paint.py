"""Decoded frames of one clip as arrays: planes of RGB, or the planes that the clip has."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from curator.media.mp4 import ClipIndex
from curator.media.swscale import RGB_PLANES, Conversion, Straight, flags, straight

__all__ = ["PictureSize", "Pixels", "Planes", "Rgb"]

Pixels: TypeAlias = npt.NDArray[np.uint8]

_BT601 = frozenset({4, 5, 6})
_MATRICES = {7: Colorspace.SMPTE240M, 9: Colorspace.BT2020, 10: Colorspace.BT2020}
_FULL_RANGE = 2
_RED_AND_BLUE = {
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.FCC: (0.30, 0.11),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.BT2020: (0.2627, 0.0593),
}
"""Weights of red and blue in luma; ITU-T H.273, table 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSize:
    """What frames are brought to: scaled until they fill the rectangle, the rest cut off on both sides."""

    height: int
    width: int


class _Frame:
    """How pictures of a clip come to the size that is wanted."""

    def __init__(self, index: ClipIndex, size: PictureSize | None) -> None:
        self.own = (index.width_px, index.height_px)
        self.width, self.height = (size.width, size.height) if size else self.own
        scale = max(Fraction(self.width, self.own[0]), Fraction(self.height, self.own[1]))
        scaled = (round(side * scale) for side in self.own)
        wide, high = (
            max(least, side) for least, side in zip((self.width, self.height), scaled, strict=True)
        )
        self.scaled = (wide, high)
        # Even, as chroma has every second pixel: both kinds of pictures show the same.
        self.corner = ((wide - self.width) // 4 * 2, (high - self.height) // 4 * 2)


class Rgb:
    """Decoded frames of one clip to planes of RGB, at its own size or another."""

    def __init__(self, index: ClipIndex, size: PictureSize | None) -> None:
        self._frame = _Frame(index, size)
        self._scaler = VideoReformatter()
        self._straight: tuple[Conversion, Straight | None] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture: ``(3, h, w)``."""
        return 3, self._frame.height, self._frame.width

    def paint(self, frame: VideoFrame, out: Pixels) -> None:
        """Write one frame to ``(3, h, w)``."""
        way = self._way(frame)
        if way is not None:
            way.paint(frame, out)
            return
        matrix = matrix_of(frame)
        planar = self._scaler.reformat(
            frame,
            *self._frame.scaled,
            "gbrp",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=ColorRange.JPEG if _is_full(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=flags(frame.width, scaled=self._frame.scaled != self._frame.own),
            threads=1,
        )
        for channel, number in enumerate(RGB_PLANES):
            _copy(planar.planes[number], self._frame.corner, out[channel])

    def _way(self, frame: VideoFrame) -> Straight | None:
        """The straight one, if the picture keeps its size."""
        if self._frame.scaled != self._frame.own or self._frame.corner != (0, 0):
            return None
        kind = Conversion(
            pixels=frame.format.name,
            width_px=frame.width,
            height_px=frame.height,
            matrix=matrix_of(frame),
            full_range=_is_full(frame),
        )
        if self._straight is None or self._straight[0] != kind:
            self._straight = kind, straight(kind)
        return self._straight[1]


class Planes:
    """Decoded frames of one clip to luma and chroma, as the clip has them or scaled."""

    def __init__(self, index: ClipIndex, size: PictureSize | None) -> None:
        self._frame = _Frame(index, size)
        self._scaler = VideoReformatter()
        self._kind: tuple[Colorspace, bool] | None = None
        self.to_rgb = np.zeros((3, 4), np.float32)
        """``(3, 4)``: takes ``(Y, Cb, Cr, 1)`` of the frames painted so far to RGB in 0..255."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the luma of one picture: ``(1, h, w)``."""
        return 1, self._frame.height, self._frame.width

    @property
    def chroma_shape(self) -> tuple[int, int, int]:
        """Of its chroma: ``(2, h / 2, w / 2)``, rounded up."""
        return 2, -(-self._frame.height // 2), -(-self._frame.width // 2)

    def paint(self, frame: VideoFrame, luma: Pixels, chroma: Pixels) -> None:
        """Write one frame to ``(1, h, w)`` and ``(2, h / 2, w / 2)``."""
        matrix, full = matrix_of(frame), _is_full(frame)
        if self._kind != (matrix, full):
            self._kind, self.to_rgb = (matrix, full), _to_rgb(matrix, full=full)
        if self._frame.scaled != self._frame.own or frame.format.name != "yuv420p":
            value_range = ColorRange.JPEG if full else ColorRange.MPEG
            frame = self._scaler.reformat(
                frame,
                *self._frame.scaled,
                "yuv420p",
                src_colorspace=matrix,
                dst_colorspace=matrix,
                src_color_range=value_range,
                dst_color_range=value_range,
                interpolation=flags(frame.width, scaled=True),
                threads=1,
            )
        x, y = self._frame.corner
        _copy(frame.planes[0], (x, y), luma[0])
        for channel in (0, 1):
            _copy(frame.planes[1 + channel], (x // 2, y // 2), chroma[channel])


def matrix_of(frame: VideoFrame) -> Colorspace:
    """As the stream is tagged: every clip that this project writes is."""
    code = int(frame.colorspace)
    if code in _BT601:
        return Colorspace.ITU601 if code != 4 else Colorspace.FCC
    return _MATRICES.get(code, Colorspace.ITU709)


def _is_full(frame: VideoFrame) -> bool:
    return frame.color_range == _FULL_RANGE


def _copy(plane: VideoPlane, corner: tuple[int, int], out: Pixels) -> None:
    rows: Pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    x, y = corner
    height, width = out.shape
    out[:] = rows[y : y + height, x : x + width]


def _to_rgb(matrix: Colorspace, *, full: bool) -> npt.NDArray[np.float32]:
    """``(3, 4)``; ITU-T H.273, equations of 8.3 for 8 bits."""
    red, blue = _RED_AND_BLUE[matrix]
    green = 1 - red - blue
    # Columns Y, Cb, Cr of values in 0..1 and -0.5..0.5.
    plain = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    span = np.array([255, 255, 255] if full else [219, 224, 224])
    zero = np.array([0, 128, 128] if full else [16, 128, 128])
    linear = plain * (255 / span)
    return np.concatenate([linear, -(linear @ zero)[:, None]], axis=1).astype(np.float32)
