"""Decoded pictures painted straight into arrays, by the libswscale that PyAV has loaded.

PyAV converts into a picture of its own, which is then copied to where it is wanted; at 720p the copy
takes as long as the conversion. Here the library writes where it is told to. The functions are called
as its header has declared them since FFmpeg 0.6; where they are missing or paint anything else than
PyAV does, `straight` says so and the caller paints through PyAV.
"""

from __future__ import annotations

import ctypes
import functools
import re
import sys
from ctypes import POINTER, c_int, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

__all__ = ["RGB_PLANES", "Conversion", "Straight", "flags", "straight"]

Pixels: TypeAlias = npt.NDArray[np.uint8]

_FLAGS = Interpolation.AREA | Interpolation.BITEXACT
"""Planar, so that a tensor (channels, height, width) is three plain planes. Without ACCURATE_RND, which
takes five times as long at the clip's own size: green comes out up to 3 of 255 levels too dark,
as it does from every decoder that leaves this to swscale's defaults. Scaled pictures are exact."""
_EXACT = _FLAGS | Interpolation.ACCURATE_RND
RGB_PLANES = (2, 0, 1)
"""Where red, green and blue lie in a picture of G, B, R."""
_BLOCK = 16
"""Pixels that the library converts at a time."""
_ALIGNED = 64
"""Pixels: rows of decoded pictures begin at such addresses, and those of chroma at half of it."""
_ONE = 1 << 16
_PROBE = (90, 32)
"""Width and height: whole blocks, and a rest that PyAV converts as well."""
_FOUR_POINTERS, _FOUR_INTS = c_void_p * 4, c_int * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """From what to RGB, at one size."""

    pixels: str
    """Name of the format that is decoded, e.g. ``yuv420p``."""
    width_px: int
    height_px: int
    matrix: Colorspace
    full_range: bool


class Straight:
    """Pictures of one kind to planes of RGB, written where they are wanted."""

    def __init__(self, library: _Library, conversion: Conversion) -> None:
        width, height = conversion.width_px, conversion.height_px
        self._library, self._height = library, height
        # The library converts whole blocks of pixels. What is over is converted beside, as a block of
        # which the right part lies outside the picture, where a row has bytes that mean nothing.
        self._blocks = width // _BLOCK * _BLOCK
        self._rest = width - self._blocks
        self._from = self._blocks // _ALIGNED * _ALIGNED
        wide = self._blocks - self._from + _BLOCK
        self._beside = np.empty((3, height, wide if self._rest else 0), np.uint8)
        self._context = library.context(conversion, self._blocks) if self._blocks else None
        self._rest_context = library.context(conversion, wide) if self._rest else None

    def paint(self, frame: VideoFrame, out: Pixels) -> None:
        """Write one frame to ``(3, h, w)``, whose rows may lie anywhere but are whole.

        Args:
            frame: of the kind that this was made for.
            out: ``uint8``; its pixels side by side, its rows at any distance.
        """
        if self._context is not None:
            self._convert(self._context, frame, 0, out)
        if self._rest_context is not None:
            self._convert(self._rest_context, frame, self._from, self._beside)
            first = self._blocks - self._from
            out[:, :, self._blocks :] = self._beside[:, :, first : first + self._rest]

    def _convert(self, context: int, frame: VideoFrame, left: int, out: Pixels) -> None:
        planes = frame.planes
        lefts = (left, left // 2, left // 2)
        source = _FOUR_POINTERS(*(p.buffer_ptr + x for p, x in zip(planes, lefts, strict=True)))
        widths = _FOUR_INTS(*(plane.line_size for plane in planes))
        address, (plane_bytes, row_bytes, _) = out.ctypes.data, out.strides
        # G, B, R: green is the second channel, blue the third, red the first.
        target = _FOUR_POINTERS(*(address + channel * plane_bytes for channel in (1, 2, 0)))
        rows = _FOUR_INTS(row_bytes, row_bytes, row_bytes)
        self._library.scale(context, source, widths, 0, self._height, target, rows)

    def __del__(self) -> None:
        for name in ("_context", "_rest_context"):
            if getattr(self, name, None) is not None:
                self._library.free(getattr(self, name))


def straight(conversion: Conversion) -> Straight | None:
    """What paints pictures of this kind; None where only PyAV's own way is sure to be right."""
    library = _checked()
    if library is None or conversion.pixels != "yuv420p":
        return None
    return Straight(library, conversion)


def flags(width_px: int, *, scaled: bool) -> Interpolation:
    """How PyAV is to convert pictures of this width to gbrp.

    At a picture's own size the fast way (of libswscale 9.5 on x86) leaves the last columns as they are
    in memory when there are 1 to 8 more than a multiple of 16: 1080, 854 and 360 are such widths.
    """
    return _EXACT if not scaled and 0 < width_px % _BLOCK <= _BLOCK // 2 else _FLAGS


class _Library:
    """The functions of libswscale and libavutil that are called.

    Raises:
        OSError: one of the libraries cannot be loaded.
        AttributeError: a function is missing.
    """

    def __init__(self, swscale: Path, avutil: Path) -> None:
        scaling, util = ctypes.CDLL(str(swscale)), ctypes.CDLL(str(avutil))
        self._new = _declared(scaling.sws_getContext, c_void_p, [c_int] * 7 + [c_void_p] * 3)
        self._table = _declared(scaling.sws_getCoefficients, POINTER(c_int), [c_int])
        self._details = _declared(
            scaling.sws_setColorspaceDetails,
            c_int,
            [c_void_p, POINTER(c_int), c_int, POINTER(c_int), c_int, c_int, c_int, c_int],
        )
        self.scale = _declared(
            scaling.sws_scale,
            c_int,
            [c_void_p, c_void_p, c_void_p, c_int, c_int, c_void_p, c_void_p],
        )
        self.free = _declared(scaling.sws_freeContext, None, [c_void_p])
        self._format = _declared(util.av_get_pix_fmt, c_int, [ctypes.c_char_p])

    def context(self, conversion: Conversion, width_px: int) -> int:
        """What `scale` needs, for the picture or a stretch of it."""
        size = (width_px, conversion.height_px)
        source, target = (self._format(n.encode()) for n in (conversion.pixels, "gbrp"))
        made = self._new(*size, source, *size, target, int(_FLAGS), None, None, None)
        assert made, "yuv420p to gbrp is what every build of the library converts"
        table = self._table(int(conversion.matrix))
        self._details(made, table, int(conversion.full_range), table, 1, 0, _ONE, _ONE)
        return int(made)


def _declared(function: Any, result: Any, arguments: list[Any]) -> Any:
    function.restype, function.argtypes = result, arguments
    return function


@functools.cache
def _checked() -> _Library | None:
    """The library, once a picture has come out of it as it does out of PyAV."""
    try:
        library = _Library(*_paths())
    except (OSError, AttributeError):
        return None
    width, height = _PROBE
    noise = np.random.default_rng(0).integers(0, 256, (height * 3 // 2, width), np.uint8)
    frame = VideoFrame.from_ndarray(noise, format="yuv420p")
    conversion = Conversion(
        pixels="yuv420p",
        width_px=width,
        height_px=height,
        matrix=Colorspace.ITU601,
        full_range=False,
    )
    ours, theirs = (np.zeros((3, height, width), np.uint8) for _ in range(2))
    Straight(library, conversion).paint(frame, ours)
    picture = VideoReformatter().reformat(
        frame,
        format="gbrp",
        src_colorspace=conversion.matrix,
        dst_colorspace=conversion.matrix,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=flags(width, scaled=False),
        threads=1,
    )
    for channel, number in enumerate(RGB_PLANES):
        plane = picture.planes[number]
        rows: Pixels = np.frombuffer(memoryview(plane), np.uint8)
        theirs[channel] = rows.reshape(-1, plane.line_size)[:, :width]
    return library if np.array_equal(ours, theirs) else None


def _paths() -> tuple[Path, Path]:
    """libswscale and libavutil of one build: those that lie beside PyAV, else those that this process has loaded.

    Raises:
        FileNotFoundError: neither is to be found.
    """
    package = Path(av.__file__).parent
    beside = [package.parent / "av.libs", package / ".dylibs"]
    names = {path for folder in beside for path in folder.glob("*")} | _mapped()
    for scaling in sorted(names, key=lambda path: (path.parent not in beside, path)):
        if re.match(r"(lib)?swscale\b", scaling.name):
            for util in sorted(names):
                if util.parent == scaling.parent and re.match(r"(lib)?avutil\b", util.name):
                    return scaling, util
    raise FileNotFoundError("libswscale and libavutil")


def _mapped() -> set[Path]:
    """Files that this process has in memory, where the system says so: conda and distributions have PyAV without libraries of its own."""
    if sys.platform != "linux":
        return set()
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {Path(found[0]) for line in lines if (found := re.search(r"/.*", line))}
