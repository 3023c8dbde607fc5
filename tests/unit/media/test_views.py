from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.abc.measure import View
from curator.media.probe import probe
from curator.media.views import Pyramid, patch_corners, rgb_size, small_size
from curator.model.video import VideoStream
from curator.testing.footage import make_video, still

sides = st.integers(1, 9000)


@given(sides, sides)
def test_the_small_plane_is_even_and_never_enlarged(width: int, height: int) -> None:
    small = small_size(width, height)
    assert all(side % 2 == 0 and side >= 2 for side in small)
    assert max(small) <= 320
    assert small[0] <= max(2, width)
    assert small[1] <= max(2, height)


def test_sizes_of_usual_footage() -> None:
    assert small_size(1920, 1080) == (320, 180)
    assert small_size(1080, 1920) == (180, 320)
    assert small_size(854, 480) == (320, 180)
    assert small_size(176, 144) == (176, 144)
    assert small_size(1, 1) == (2, 2)


@given(sides, sides)
def test_patches_lie_inside_on_multiples_of_sixteen(width: int, height: int) -> None:
    corners = patch_corners(width, height)
    assert len(corners) == len(set(corners)) <= 9
    assert all(x % 16 == 0 and 0 <= x <= width - 128 for x, _ in corners)
    assert all(y % 16 == 0 and 0 <= y <= height - 128 for _, y in corners)
    assert bool(corners) == (min(width, height) >= 128)


def stream(width: int, height: int, **facts: object) -> VideoStream:
    plain = VideoStream(
        index=0,
        codec="h264",
        width_px=width,
        height_px=height,
        sample_aspect=Fraction(1),
        rotation_degrees=0,
        pixel_format="yuv420p",
        bit_depth=8,
        interlaced=False,
        time_base=Fraction(1, 25),
        fps_from_header=25.0,
        color_primaries=None,
        color_transfer=None,
        color_space="bt709",
        color_range="tv",
        num_frames_from_header=None,
        duration_seconds_from_header=None,
    )
    return replace(plain, **facts)  # type: ignore[arg-type]


def flat(width: int, height: int, y: int, u: int = 128, v: int = 128) -> av.VideoFrame:
    planes = [np.full((height, width), y), np.full((height // 4, width), u), np.full((height // 4, width), v)]  # fmt: skip
    return av.VideoFrame.from_ndarray(np.concatenate(planes).astype(np.uint8), "yuv420p")


@pytest.mark.parametrize(
    ("space", "yuv", "rgb"),
    [
        ("bt709", (63, 102, 240), (255, 0, 0)),
        ("smpte170m", (81, 90, 240), (255, 0, 0)),
        ("bt2020nc", (74, 97, 240), (255, 0, 0)),
    ],
)
def test_rgb_uses_the_matrix_that_the_file_names(
    space: str, yuv: tuple[int, int, int], rgb: tuple[int, int, int]
) -> None:
    """Pure red in each matrix (ITU-R BT.709, BT.601 and BT.2020, 8 bit limited range)."""
    pyramid = Pyramid(stream(640, 360, color_space=space))
    pixels = pyramid.rgb(flat(640, 360, *yuv), 64)
    assert np.abs(pixels.astype(int) - rgb).max() <= 4


def test_full_range_luma_is_brought_to_limited_range() -> None:
    pyramid = Pyramid(stream(640, 360, color_range="pc"))
    for stored, limited in [(0, 16), (255, 235), (128, 126)]:
        luma = pyramid.of_small(View.luma, pyramid.small(flat(640, 360, stored)))
        assert np.abs(luma.astype(int) - limited).max() <= 1


def test_limited_range_luma_stays_as_stored() -> None:
    pyramid = Pyramid(stream(640, 360))
    for level in (0, 16, 100, 235, 255):
        assert set(pyramid.of_small(View.luma, pyramid.small(flat(640, 360, level))).flat) == {
            level
        }


def test_rgb_is_upright_with_square_pixels() -> None:
    """A white square at the stored top left; a player that turns by 90 shows it top right."""
    picture = np.full((360 * 3 // 2, 640), 128, np.uint8)
    picture[:360] = 16
    picture[:100, :100] = 235
    frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
    corners = {0: (0, 0), 90: (0, -1), 180: (-1, -1), 270: (-1, 0)}
    for turn, corner in corners.items():
        facts = stream(640, 360, rotation_degrees=turn, sample_aspect=Fraction(4, 3))
        pixels = Pyramid(facts).rgb(frame, 200)
        size = rgb_size(facts, 200)
        assert pixels.shape == (size[1], size[0], 3)
        assert size == ((200, 84) if turn % 180 == 0 else (84, 200))
        assert pixels[corner].min() > 240
        others = [c for c in corners.values() if c != corner]
        assert all(pixels[c].max() < 15 for c in others)


def test_rgb_is_never_enlarged() -> None:
    assert rgb_size(stream(160, 90), 512) == (160, 90)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("ffv1", "yuv420p", "mkv"),
        ("ffv1", "yuv444p", "mkv"),
        ("ffv1", "yuv420p10le", "mkv"),
        ("ffv1", "gray", "mkv"),
        ("ffv1", "gray16le", "mkv"),
        ("ffv1", "bgr0", "mkv"),
        ("rawvideo", "yuyv422", "mkv"),
        ("prores_ks", "yuv422p10le", "mov"),
        ("mjpeg", "yuvj420p", "mov"),
    ],
)
def test_every_pixel_format_gives_nearly_the_same_views(
    tmp_path: Path, codec: str, pixel_format: str, suffix: str
) -> None:
    """Lossless 8-bit 4:2:0 is the reference; formats of full range or RGB differ by rounding."""

    def views(name: str, codec: str, pixel_format: str) -> list[np.ndarray]:
        path = tmp_path / name
        make_video(path, [still(0.1)], size=(300, 260), codec=codec, pixel_format=pixel_format)
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
        pyramid = Pyramid(probe(path).info.video)
        small = pyramid.small(frame)
        found = [pyramid.of_small(v, small) for v in (View.luma, View.chroma, View.thumb)]
        return [*found, pyramid.rgb(frame, 200), pyramid.patches(frame)]

    reference = views("reference.mkv", "ffv1", "yuv420p")
    for one, other in zip(reference, views(f"a.{suffix}", codec, pixel_format), strict=True):
        assert one.shape == other.shape
        # Gray and JPEG keep all 256 levels of stored luma, so native patches differ by the range.
        difference = np.abs(one.astype(int) - other.astype(int)).mean()
        stored_full = one.ndim == 3 and one.shape[1:] == (128, 128) and pixel_format in ("yuvj420p", "gray", "gray16le")  # fmt: skip
        assert difference < (20 if stored_full else 4), (pixel_format, one.shape)
