"""Colour tags by FFmpeg's names, and the matrix and range to use when a file does not say."""

from __future__ import annotations

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from curator.model.video import VideoStream as StreamFacts

__all__ = ["colour_codes", "colour_names", "is_hdr", "matrix_and_range"]

_UNSPECIFIED = 2
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film",
              9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}  # fmt: skip
_TRANSFER = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear",
             11: "iec61966-2-4", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12",
             16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"}  # fmt: skip
_SPACE = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
          8: "ycgco", 9: "bt2020nc", 10: "bt2020c", 14: "ictcp"}  # fmt: skip
_RANGE = {1: "tv", 2: "pc"}
_MATRIX = {"bt709": Colorspace.ITU709, "fcc": Colorspace.FCC, "bt470bg": Colorspace.ITU601,
           "smpte170m": Colorspace.ITU601, "smpte240m": Colorspace.SMPTE240M,
           "bt2020nc": Colorspace.BT2020, "bt2020c": Colorspace.BT2020}  # fmt: skip


def colour_names(stream: VideoStream, picture: VideoFrame) -> dict[str, str | None]:
    """Primaries, transfer, space and range: by the header, else by the first picture, else None."""
    full = picture.format.name.startswith("yuvj")
    return {
        "primaries": _PRIMARIES.get(_first(stream.color_primaries, picture.color_primaries)),
        "transfer": _TRANSFER.get(_first(stream.color_trc, picture.color_trc)),
        "space": _SPACE.get(_first(stream.colorspace, picture.colorspace)),
        "range": "pc" if full else _RANGE.get(stream.color_range or picture.color_range),
    }


def is_hdr(video: StreamFacts) -> bool:
    """Whether pixel values mean nothing without tone mapping (PQ or HLG transfer)."""
    return video.color_transfer in ("smpte2084", "arib-std-b67")


def matrix_and_range(video: StreamFacts) -> tuple[Colorspace, ColorRange]:
    """How Y'CbCr becomes R'G'B': as tagged, else as players guess.

    Untagged footage of more than 576 lines or at least 1280 columns is taken for BT.709, the rest for BT.601.
    """
    named = _MATRIX.get(video.color_space or "")
    large = video.height_px > 576 or video.width_px >= 1280
    guess = Colorspace.ITU709 if large else Colorspace.ITU601
    full = video.color_range == "pc"
    return (guess if named is None else named), (ColorRange.JPEG if full else ColorRange.MPEG)


def colour_codes(video: StreamFacts) -> dict[str, int]:
    """Tags for a re-encoded stream, by attribute of a codec context: the source's, limited range.

    The matrix is always named, since players guess by size and a smaller copy would be guessed otherwise.
    """
    matrix, _ = matrix_and_range(video)
    space = {name: code for code, name in _SPACE.items() if _MATRIX.get(name) == matrix}
    return {
        "color_primaries": _code(_PRIMARIES, video.color_primaries),
        "color_trc": _code(_TRANSFER, video.color_transfer),
        "colorspace": space.get(video.color_space or "", min(space.values())),
        "color_range": int(ColorRange.MPEG),
    }


def _code(names: dict[int, str], name: str | None) -> int:
    return next((code for code, known in names.items() if known == name), _UNSPECIFIED)


def _first(header: int, picture: int) -> int:
    return picture if header in (_UNSPECIFIED, 0) else header
