"""Pictures of a clip that are not just the source's made smaller: cropped, fitted, graded.

One resampling goes from the source's own pixels to the clip's, whatever is asked for: the crop, the
square pixels, the size and the fit are one box and one zoom.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from curator.errors import MediaError
from curator.media.colour import colour_codes, is_hdr, matrix_and_range
from curator.media.grade import coded, rgb_of, sdr
from curator.media.planes import Box, Planes, planes_of, resized
from curator.model.look import Fit, Hdr, Look, Matrix
from curator.model.video import VideoStream as VideoFacts

__all__ = ["Framing", "check_colours"]

_BT709 = 1
_BLACK = (16, 128, 128)


class Framing:
    """Makes the pictures of one clip."""

    def __init__(
        self, facts: VideoFacts, look: Look, box: tuple[float, float] | None, max_height: int | None
    ) -> None:
        """`box` is the size of the clip's boxes, pixels as shown; None for whole pictures."""
        self._facts, self._look = facts, look
        self._shown = float(facts.display_width_px), float(facts.display_height_px)
        self.size = look.size or _own_size(box or self._shown, max_height)
        self._matrix, self._range = matrix_and_range(facts)
        self._scaler = VideoReformatter()
        self._graded = is_hdr(facts) or (
            look.matrix is Matrix.bt709 and self._matrix is not Colorspace.ITU709
        )

    def tags(self) -> dict[str, int]:
        """Colour tags of the encoded stream, by attribute of a codec context."""
        tags = colour_codes(self._facts)
        if is_hdr(self._facts):
            tags |= {"color_primaries": _BT709, "color_trc": _BT709}
        if self._graded:
            tags["colorspace"] = _BT709
        return tags

    def picture(self, frame: VideoFrame, box: Box | None) -> VideoFrame:
        """A decoded frame as it is stored: the box, upright, in `size`, 8-bit 4:2:0 of limited range.

        Args:
            frame: as decoded, not turned.
            box: in pixels of the source as shown; None is the whole picture.
        """
        shown, inner = self._fitted(box or Box(0, 0, *self._shown))
        planes, found_range = planes_of(frame, self._matrix, self._range, self._scaler)
        make = self._grade if self._graded else self._plain
        parts = make(planes, shown, inner, found_range)
        width, height = self.size
        canvas = [
            np.full((height // step, width // step), level, np.uint8)
            for level, step in zip(_BLACK, (1, 2, 2), strict=True)
        ]
        left, top = (width - inner[0]) // 4 * 2, (height - inner[1]) // 4 * 2
        for plane, part, step in zip(canvas, parts, (1, 2, 2), strict=True):
            rows, columns = part.shape
            plane[top // step : top // step + rows, left // step : left // step + columns] = part
        packed = np.concatenate([plane.reshape(-1) for plane in canvas]).reshape(-1, width)
        return VideoFrame.from_ndarray(packed, "yuv420p")

    def _fitted(self, box: Box) -> tuple[Box, tuple[int, int]]:
        """What is shown of a box, and how large."""
        width, height = self.size
        if self._look.fit is Fit.contain:
            zoom = min(width / box.width, height / box.height)
            inner = (
                min(width, max(2, round(box.width * zoom / 2) * 2)),
                min(height, max(2, round(box.height * zoom / 2) * 2)),
            )
            return box, inner
        zoom = max(width / box.width, height / box.height)
        shown_width, shown_height = width / zoom, height / zoom
        return Box(
            box.x + (box.width - shown_width) / 2,
            box.y + (box.height - shown_height) / 2,
            shown_width,
            shown_height,
        ), self.size

    def _plain(
        self, planes: Planes, shown: Box, inner: tuple[int, int], source_range: ColorRange
    ) -> list[npt.NDArray[np.uint8]]:
        turns = self._facts.rotation_degrees // 90
        parts = resized(
            planes,
            self._stored(shown, planes),
            _swapped(inner, turns),
            whole_chroma=False,
            chroma_at=_LEFT_TURNED[turns],
        )
        full = source_range is ColorRange.JPEG
        levels = [
            _limited(np.asarray(plane), planes.bits, luma=k == 0, full=full)
            for k, plane in enumerate(parts)
        ]
        return [np.rot90(plane, -turns) for plane in levels]

    def _grade(
        self, planes: Planes, shown: Box, inner: tuple[int, int], source_range: ColorRange
    ) -> list[npt.NDArray[np.uint8]]:
        turns = self._facts.rotation_degrees // 90
        size = _swapped(inner, turns)
        parts = resized(planes, self._stored(shown, planes), size, whole_chroma=True)
        rgb = rgb_of(parts, self._matrix, source_range, planes.bits)
        if is_hdr(self._facts):
            rgb = sdr(rgb, self._facts.color_transfer or "")
        return list(coded(np.rot90(rgb, -turns), Colorspace.ITU709))

    def _stored(self, shown: Box, planes: Planes) -> Box:
        """A box of the upright picture in the pixels of the stored one."""
        across, down = self._shown
        u, v = shown.x / across, shown.y / down
        w, h = shown.width / across, shown.height / down
        turns = self._facts.rotation_degrees // 90
        x, y = ((u, v), (v, 1 - u - w), (1 - u - w, 1 - v - h), (1 - v - h, u))[turns]
        width, height = (h, w) if turns % 2 else (w, h)
        rows, columns = planes.luma.shape  # a stream may change its size midway
        return Box(x * columns, y * rows, width * columns, height * rows)


_LEFT_TURNED = ((-0.5, 0.0), (0.0, 0.5), (0.5, 0.0), (0.0, -0.5))
"""Where the left of an upright picture lies in the stored one, by quarter turns."""


def check_colours(facts: VideoFacts, look: Look | None) -> None:
    """Refuse colours that would come out wrong.

    Raises:
        MediaError: ``hdr-not-supported`` where `look` does not say what to do with HDR;
            ``matrix-not-supported`` for codings that no matrix undoes.
    """
    if facts.color_space in ("ictcp", "ycgco"):
        raise MediaError(
            f"the video's colours are coded as {facts.color_space}",
            reason="matrix-not-supported",
            hint="convert it to Y'CbCr of BT.709 first",
        )
    if is_hdr(facts) and (look is None or look.hdr is Hdr.refuse):
        raise MediaError(
            f"the video is HDR ({facts.color_transfer}), which needs tone mapping",
            reason="hdr-not-supported",
            hint="sample.video.hdr=tonemap maps it to SDR",
        )


def _own_size(box: tuple[float, float], max_height: int | None) -> tuple[int, int]:
    """Even sides of a box, never enlarged."""
    zoom = min(1.0, (max_height or box[1]) / box[1])
    width, height = (max(2, round(float(Fraction(side) * Fraction(zoom))) // 2 * 2) for side in box)
    return width, height


def _swapped(size: tuple[int, int], turns: int) -> tuple[int, int]:
    return (size[1], size[0]) if turns % 2 else size


def _limited(
    plane: npt.NDArray[np.generic], bits: int, *, luma: bool, full: bool
) -> npt.NDArray[np.uint8]:
    """8 bits of limited range."""
    values = plane.astype(np.float32)
    if full:
        largest = 256 - 1 / (1 << (bits - 8))
        values = values * (219 / largest) + 16 if luma else (values - 128) * (224 / largest) + 128
    elif plane.dtype == np.uint8:
        return np.asarray(plane, np.uint8)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
