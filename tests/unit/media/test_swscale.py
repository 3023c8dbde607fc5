from __future__ import annotations

import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from curator.media import paint
from curator.media.mp4 import ClipIndex
from curator.media.paint import Planes, Rgb
from curator.media.swscale import Conversion, straight

WIDTHS = [*range(2, 70, 2), 288, 360, 682, 854, 910, 1080, 1280]
GUARD = 77


def noise(width: int, height: int, *, matrix: int = 1, full: bool = False) -> VideoFrame:
    """Mid-range noise, also where rows have bytes that mean nothing."""
    frame = VideoFrame(width, height, "yuv420p")
    random = np.random.default_rng(width * 1000 + height)
    for plane in frame.planes:
        plane.update(random.integers(90, 150, plane.buffer_size, np.uint8).tobytes())
    frame.colorspace = matrix
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    return frame


def told(frame: VideoFrame) -> np.ndarray:
    """RGB by the equations of BT.709 or BT.601, each chroma sample for its four pixels."""
    y, u, v = (
        np.frombuffer(memoryview(p), np.uint8).reshape(-1, p.line_size)[: p.height, : p.width]
        for p in frame.planes
    )
    u, v = (c.repeat(2, 0).repeat(2, 1)[: frame.height, : frame.width] for c in (u, v))
    red, blue = (0.299, 0.114) if frame.colorspace == 5 else (0.2126, 0.0722)
    full = frame.color_range == ColorRange.JPEG
    light = y / 255 if full else (y - 16.0) / 219
    cb, cr = ((c - 128.0) / (255 if full else 224) for c in (u, v))
    r, b = light + 2 * (1 - red) * cr, light + 2 * (1 - blue) * cb
    g = (light - red * r - blue * b) / (1 - red - blue)
    return (np.stack([r, g, b]) * 255).clip(0, 255)


def index_of(frame: VideoFrame) -> ClipIndex:
    nothing = np.zeros(0, np.int64)
    parts = dict.fromkeys(("ticks", "turn", "offsets", "sizes", "keys", "key_ticks"), nothing)
    return ClipIndex(
        **parts,
        end_tick=0,
        time_base=1,
        configuration=b"",
        width_px=frame.width,
        height_px=frame.height,
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("height", [2, 6, 32, 50])
def test_every_pixel_is_painted_and_nothing_beside_them(width, height):
    frame = noise(width, height)
    way = straight(
        Conversion(
            pixels="yuv420p",
            width_px=width,
            height_px=height,
            matrix=Colorspace.ITU709,
            full_range=False,
        )
    )
    assert way is not None, "the libraries that PyAV brings along are found"
    around = np.full((3, height + 2, width + 37), GUARD, np.uint8)
    out = around[:, 1:-1, 19 : 19 + width]
    way.paint(frame, out)
    assert np.abs(out - told(frame)).max() <= 3
    tight = np.empty((3, height, width), np.uint8)
    way.paint(frame, tight)
    assert np.array_equal(tight, out)
    out[:] = GUARD
    assert (around == GUARD).all()


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (5, False), (1, True), (5, True)])
def test_matrix_and_range_are_those_of_the_frame(matrix, full):
    frame = noise(90, 32, matrix=matrix, full=full)
    out = np.empty((3, 32, 90), np.uint8)
    Rgb(index_of(frame), None).paint(frame, out)
    assert np.abs(out - told(frame)).max() <= 3


@pytest.mark.parametrize("width", WIDTHS)
def test_without_the_library_pictures_come_through_pyav(width, monkeypatch):
    monkeypatch.setattr(paint, "straight", lambda _: None)
    frame = noise(width, 32)
    for plane, level in zip(frame.planes[1:], (110, 140), strict=True):
        plane.update(bytes([level]) * plane.buffer_size)  # how chroma is spread is not the matter
    out = np.empty((3, 32, width), np.uint8)
    Rgb(index_of(frame), None).paint(frame, out)
    assert np.abs(out - told(frame)).max() <= 3


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (5, False), (1, True), (5, True)])
def test_planes_come_as_they_are_with_the_way_to_rgb(matrix, full):
    frame = noise(90, 32, matrix=matrix, full=full)
    painter = Planes(index_of(frame), None)
    luma, chroma = (np.empty(s, np.uint8) for s in (painter.shape, painter.chroma_shape))
    painter.paint(frame, luma, chroma)
    assert (luma.shape, chroma.shape) == ((1, 32, 90), (2, 16, 45))
    colour = np.concatenate([luma, chroma.repeat(2, 1).repeat(2, 2), np.ones((1, 32, 90))])
    rgb = np.tensordot(painter.to_rgb, colour, 1).clip(0, 255)
    assert np.abs(rgb - told(frame)).max() < 0.01
