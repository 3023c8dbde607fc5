"""Pictures whose samples tell where they came from: luma and chroma are ramps."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import MediaError
from curator.media.encode import EncodedClip, VideoTrack, cut
from curator.media.framing import Framing
from curator.media.planes import Box
from curator.media.probe import probe
from curator.media.stats import DecodeStats
from curator.model.crop import CropPath
from curator.model.look import Fit, Hdr, Look, Matrix
from curator.model.series import Series
from curator.model.span import Span
from curator.model.video import VideoStream
from tests.footage import shared

FACTS = VideoStream(
    index=0,
    codec="h264",
    width_px=400,
    height_px=240,
    sample_aspect=Fraction(1),
    rotation_degrees=0,
    pixel_format="yuv420p",
    bit_depth=8,
    interlaced=False,
    time_base=Fraction(1, 30),
    fps_from_header=30,
    color_primaries=None,
    color_transfer=None,
    color_space="bt709",
    color_range="tv",
    num_frames_from_header=None,
    duration_seconds_from_header=None,
)
STEPS = {"yuv420p": (2, 2), "yuv422p": (2, 1), "yuv444p": (1, 1), "yuv420p10le": (2, 2)}


def luma_at(x: Any, y: Any) -> Any:
    return 30 + x * 0.4 + y * 0.1


def blue_at(x: Any, _y: Any) -> Any:
    return 40 + x * 0.4


def red_at(_x: Any, y: Any) -> Any:
    return 50 + y * 0.6


def ramps(width: int, height: int, pixel_format: str = "yuv420p") -> av.VideoFrame:
    """Every sample says where it is, chroma with its place at the left of its pixels."""
    across, down = STEPS[pixel_format]
    ten = pixel_format.endswith("10le")
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, paint, x_step, y_step in (
        (frame.planes[0], luma_at, 1, 1),
        (frame.planes[1], blue_at, across, down),
        (frame.planes[2], red_at, across, down),
    ):
        x = np.arange(plane.width) * x_step + 0.5
        y = (np.arange(plane.height) + 0.5) * y_step
        values = paint(*np.meshgrid(x, y)) * (4 if ten else 1)
        samples = np.zeros(
            (plane.height, plane.line_size // (2 if ten else 1)), "<u2" if ten else "u1"
        )
        samples[:, : plane.width] = np.rint(values)
        plane.update(samples.tobytes())
    return frame


def planes_of(frame: av.VideoFrame) -> list[np.ndarray]:
    out = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        out.append(rows[:, : plane.width].astype(np.float64))
    return out


def expected(box: Box, size: tuple[int, int]) -> list[np.ndarray]:
    """What the ramps are in a picture of `size` that shows `box`."""
    width, height = size
    zoom_x, zoom_y = box.width / width, box.height / height
    out = []
    for paint, step in ((luma_at, 1), (blue_at, 2), (red_at, 2)):
        x = box.x + zoom_x * (np.arange(width // step) * step + 0.5)
        y = box.y + zoom_y * (np.arange(height // step) + 0.5) * step
        out.append(paint(*np.meshgrid(x, y)))
    return out


def assert_shows(frame: av.VideoFrame, box: Box, size: tuple[int, int], off: float = 1.0) -> None:
    assert (frame.width, frame.height) == size
    for found, truth in zip(planes_of(frame), expected(box, size), strict=True):
        # Beyond the picture's edge the last samples go on, so the outermost ones are left out.
        assert np.abs(found - truth)[3:-3, 3:-3].max() <= off


boxes = st.tuples(st.floats(0, 100), st.floats(0, 60), st.floats(40, 300), st.floats(40, 180)).map(
    lambda b: Box(*b)
)


@given(boxes)
def test_a_crop_is_where_it_says_between_pixels_too(box: Box) -> None:
    height = 96
    width = max(16, round(box.width / box.height * height / 2) * 2)
    framing = Framing(FACTS, Look(size=(width, height)), (box.width, box.height), None)
    shown, _ = framing._fitted(box)  # even sides cost a fraction of a pixel
    assert abs(shown.width - box.width) <= 2 * box.width / width + 1e-9
    assert_shows(framing.picture(ramps(400, 240), box), shown, (width, height))


@pytest.mark.parametrize("pixel_format", STEPS)
@pytest.mark.parametrize("size", [(80, 48), (300, 180)])
def test_chroma_lies_where_luma_does_whatever_the_format(
    pixel_format: str, size: tuple[int, int]
) -> None:
    box = Box(60.25, 30.5, 200, 120)
    framing = Framing(FACTS, Look(size=size), (200, 120), None)
    frame = ramps(400, 240, pixel_format)
    assert_shows(framing.picture(frame, box), box, size)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_count_in_the_picture_as_shown(rotation: int) -> None:
    """A file that is turned and has wide pixels: the box is of the upright picture."""
    turns = rotation // 90
    upright = (400, 240)
    stored = upright if turns % 2 == 0 else upright[::-1]
    facts = replace(FACTS, width_px=stored[0], height_px=stored[1], rotation_degrees=rotation)
    luma, blue, red = planes_of(ramps(*upright, "yuv444p"))
    frame = av.VideoFrame(*stored, "yuv444p")
    for plane, values in zip(frame.planes, (luma, blue, red), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = np.rot90(values, turns)
        plane.update(rows.tobytes())
    # In 4:4:4 chroma was painted at its own pixel.
    framing = Framing(facts, Look(size=(100, 60)), (200, 120), None)
    box = Box(101.5, 40.75, 200, 120)
    assert_shows(framing.picture(frame, box), box, (100, 60))


def test_wide_pixels_become_square() -> None:
    facts = replace(FACTS, width_px=200, sample_aspect=Fraction(2))
    framing = Framing(facts, Look(size=(100, 60)), (200, 120), None)
    frame = ramps(200, 240, "yuv444p")
    found = planes_of(framing.picture(frame, Box(100, 60, 200, 120)))[0]
    stored = Box(50, 60, 100, 120)
    assert np.abs(found - expected(stored, (100, 60))[0])[3:-3, 3:-3].max() <= 0.8


def test_a_box_at_the_edge_shows_no_other_edge() -> None:
    framing = Framing(FACTS, Look(size=(96, 96)), (150, 150), None)
    for box in (Box(0, 0, 150, 150), Box(250, 90, 150, 150)):
        found = planes_of(framing.picture(ramps(400, 240), box))
        for plane, truth in zip(found, expected(box, (96, 96)), strict=True):
            assert np.abs(plane - truth).max() <= 2.5


def test_making_smaller_does_not_alias() -> None:
    """Stripes of one pixel become grey, not broad stripes."""
    frame = av.VideoFrame(400, 240, "yuv420p")
    for plane, level in zip(frame.planes, (None, 128, 128), strict=True):
        rows = np.full((plane.height, plane.line_size), level or 0, np.uint8)
        if level is None:
            rows[:, ::2], rows[:, 1::2] = 40, 200
        plane.update(rows.tobytes())
    found = planes_of(
        Framing(FACTS, Look(size=(90, 90)), (200, 200), None).picture(
            frame, Box(20.3, 20.7, 200, 200)
        )
    )
    assert np.abs(found[0] - 120).max() <= 3


class TestFit:
    def test_cover_fills_the_size_from_the_middle(self) -> None:
        framing = Framing(FACTS, Look(size=(120, 120)), None, None)
        found = framing.picture(ramps(400, 240), None)
        assert_shows(found, Box(80, 0, 240, 240), (120, 120))

    def test_contain_shows_all_between_black_bars(self) -> None:
        framing = Framing(FACTS, Look(size=(200, 200), fit=Fit.contain), None, None)
        luma, blue, red = planes_of(framing.picture(ramps(400, 240), None))
        assert (luma[:40] == 16).all()
        assert (luma[160:] == 16).all()
        assert (blue[:20] == 128).all()
        assert (red[80:] == 128).all()
        truth = expected(Box(0, 0, 400, 240), (200, 120))
        assert np.abs(luma[40:160] - truth[0])[3:-3, 3:-3].max() <= 0.8
        assert np.abs(blue[20:80] - truth[1])[3:-3, 3:-3].max() <= 0.8

    def test_without_a_size_a_box_keeps_its_pixels_and_is_never_enlarged(self) -> None:
        assert Framing(FACTS, Look(), (151.2, 99.9), None).size == (150, 100)
        assert Framing(FACTS, Look(), (151.2, 99.9), 512).size == (150, 100)
        assert Framing(FACTS, Look(), (200, 100), 50).size == (100, 50)


def rgb_patch(red: float, green: float, blue: float) -> np.ndarray:
    return np.broadcast_to(np.array([red, green, blue]) * 255, (64, 64, 3)).astype(np.uint8).copy()


def encoded_as(
    rgb: np.ndarray, pixel_format: str, matrix: Colorspace, color_range: ColorRange
) -> av.VideoFrame:
    """A frame whose samples hold these colours by this matrix and range; nothing in it says so."""
    made = VideoReformatter().reformat(
        av.VideoFrame.from_ndarray(rgb, "rgb24"),
        64,
        64,
        pixel_format,
        dst_colorspace=matrix,
        dst_color_range=color_range,
    )
    made.colorspace = 2
    return made


LUMA = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt470bg": (0.299, 0.114)}
NAMES = {1: "bt709", 5: "bt470bg", 6: "smpte170m"}


def colours(planes: list[np.ndarray], space: str, *, full: bool) -> np.ndarray:
    """``(3, ...)`` R'G'B' of 0 to 255 of Y, U and V, by the formula of the standards."""
    red, blue = LUMA[space]
    y, u, v = planes
    if not full:
        y, u, v = (y - 16) / 219 * 255, (u - 128) / 224 * 255, (v - 128) / 224 * 255
    else:
        u, v = u - 128, v - 128
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b])


def seen(frame: av.VideoFrame, tags: dict[str, int]) -> np.ndarray:
    """The mean colour that a player which heeds the tags shows."""
    means = [np.asarray(plane[4:-4, 4:-4].mean()) for plane in planes_of(frame)]
    return colours(means, NAMES[tags["colorspace"]], full=False)


COLOURS = [
    (0.8, 0.3, 0.2),
    (0.1, 0.7, 0.3),
    (0.2, 0.3, 0.9),
    (0.95, 0.95, 0.95),
    (0.02, 0.02, 0.02),
]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("color_range", ["tv", "pc"])
@pytest.mark.parametrize("space", ["bt709", "smpte170m"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le", "rgb24", "nv12"])
@pytest.mark.parametrize("matrix", list(Matrix))
def test_colours_stay_whatever_the_matrix_the_range_and_the_depth(
    colour: tuple[float, float, float],
    color_range: str,
    space: str,
    pixel_format: str,
    matrix: Matrix,
) -> None:
    coding = {"bt709": Colorspace.ITU709, "smpte170m": Colorspace.ITU601}[space]
    levels = {"tv": ColorRange.MPEG, "pc": ColorRange.JPEG}[color_range]
    rgb = rgb_patch(*colour)
    if pixel_format == "rgb24":
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
        color_range = "pc"
    else:
        frame = encoded_as(rgb, pixel_format, coding, levels)
    facts = replace(FACTS, width_px=64, height_px=64, color_space=space, color_range=color_range)
    framing = Framing(facts, Look(size=(48, 48), matrix=matrix), (60, 60), None)
    tags = framing.tags()
    if matrix is Matrix.bt709:
        assert tags["colorspace"] == 1
    found = seen(framing.picture(frame, Box(1.5, 2.25, 60, 60)), tags)
    assert found == pytest.approx(np.array(colour) * 255, abs=4)


class TestHdr:
    """Against numbers worked out from the standards by hand."""

    @staticmethod
    def shown(nits: tuple[float, float, float], transfer: str) -> np.ndarray:
        """SDR code values in [0, 1] of BT.2020 light."""
        light = np.array(nits)
        if transfer == "smpte2084":
            m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
            power = (light / 10000) ** m1
            code = ((c1 + c2 * power) / (1 + c3 * power)) ** m2
        else:
            display = light / 1000
            luminance = display @ np.array([0.2627, 0.678, 0.0593])
            scene = display * luminance ** (1 / 1.2 - 1) if luminance else display
            high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
            code = np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)
        red, green, blue = code
        y = 0.2627 * red + 0.678 * green + 0.0593 * blue
        parts = (64 + 876 * y, 512 + 896 * (blue - y) / 1.8814, 512 + 896 * (red - y) / 1.4746)
        frame = av.VideoFrame(64, 64, "yuv420p10le")
        for plane, part in zip(frame.planes, parts, strict=True):
            plane.update(
                np.full((plane.height, plane.line_size // 2), round(part), "<u2").tobytes()
            )
        facts = replace(
            FACTS,
            width_px=64,
            height_px=64,
            bit_depth=10,
            color_space="bt2020nc",
            color_primaries="bt2020",
            color_transfer=transfer,
        )
        framing = Framing(facts, Look(size=(32, 32), hdr=Hdr.tonemap), None, None)
        assert {framing.tags()[k] for k in ("color_primaries", "color_trc", "colorspace")} == {1}
        return seen(framing.picture(frame, None), framing.tags()) / 255

    @pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
    def test_what_is_not_bright_stays_as_bright_as_it_was(self, transfer: str) -> None:
        for nits in (5, 20, 60, 90):
            found = self.shown((nits, nits, nits), transfer)
            assert found == pytest.approx((nits / 203) ** (1 / 2.4), abs=0.012)

    @pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
    def test_bright_light_is_rolled_off_and_never_clipped_early(self, transfer: str) -> None:
        levels = [self.shown((n, n, n), transfer).mean() for n in (100, 203, 400, 700, 1000)]
        assert np.all(np.diff(levels[:3]) > 0.05)
        assert np.all(np.diff(levels) >= 0)
        assert levels[1] == pytest.approx(
            0.907, abs=0.012
        )  # paper white: room is left for highlights
        assert levels[-1] == pytest.approx(1, abs=0.01)

    def test_beyond_the_peak_all_is_white(self) -> None:
        assert self.shown((4000, 4000, 4000), "smpte2084") == pytest.approx(1, abs=0.01)
        assert self.shown((0, 0, 0), "smpte2084") == pytest.approx(0, abs=0.005)

    def test_a_colour_of_bt709_stays_itself(self) -> None:
        """60 nits of a BT.709 colour, written with the primaries of BT.2020."""
        to_2020 = np.array(
            [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
        )
        wanted = np.array([60.0, 20.0, 10.0])
        found = self.shown(tuple(to_2020 @ wanted), "smpte2084")
        assert found == pytest.approx((wanted / 203) ** (1 / 2.4), abs=0.015)

    def test_a_colour_that_bt709_has_not_keeps_its_luminance_and_hue(self) -> None:
        found = self.shown((2, 60, 4), "smpte2084")
        light = found**2.4 * 203
        assert light @ np.array([0.2126, 0.7152, 0.0722]) == pytest.approx(41.4, rel=0.1)
        assert light[1] == light.max()
        assert found.min() >= 0


def path_of(found: Any, span: Span, box: Any) -> CropPath:
    table = found.table
    ticks = table.ticks[table.index_at(span.start) : table.index_at(span.end)]
    values = np.array([box(k) for k in range(len(ticks))], np.float64)
    return CropPath(boxes=Series(ticks, table.time_base, values))


def decoded(clip: EncodedClip) -> list[av.VideoFrame]:
    assert clip.video is not None
    with av.open(io.BytesIO(clip.video), "r") as container:
        return list(container.decode(video=0))


def ramp_film(path: Path) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"crf": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 400, 240, "yuv420p"
        stream.codec_context.colorspace = 1
        for _ in range(30):
            out.mux(stream.encode(ramps(400, 240)))
        out.mux(stream.encode(None))


class TestClips:
    def test_each_frame_shows_its_own_box(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        ramp_film(path)
        found = probe(path)
        spans = [Span(Fraction(1, 2), Fraction(1)), Span(Fraction(3, 2), Fraction(3))]
        crops = [
            path_of(found, span, lambda k: (20.3 + 4.7 * k, 10 + 1.1 * k, 120, 120))
            for span in spans
        ]
        track = VideoTrack(crf=0, preset="ultrafast", look=Look(size=(64, 64)))
        clips = list(
            cut(path, found, spans, video=track, audio=None, crops=crops, stats=DecodeStats())
        )
        for clip, crop in zip(clips, crops, strict=True):
            assert (clip.width_px, clip.height_px) == (64, 64)
            frames = decoded(clip)
            assert len(frames) == len(crop.values) == clip.num_frames
            for frame, box in zip(frames, crop.values.tolist(), strict=True):
                assert_shows(frame, Box(*box), (64, 64), 1.8)

    def test_a_crop_of_other_frames_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        ramp_film(path)
        found = probe(path)
        spans = [Span(Fraction(0), Fraction(1)), Span(Fraction(1), Fraction(2))]
        crop = path_of(found, spans[0], lambda _: (0, 0, 64, 64))
        with pytest.raises(ValueError, match="not of the frames"):
            next(
                cut(
                    path,
                    found,
                    spans[1:],
                    video=VideoTrack(),
                    audio=None,
                    crops=[crop],
                    stats=DecodeStats(),
                )
            )

    def test_without_a_look_bytes_are_those_of_before(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        ramp_film(path)
        found, spans = probe(path), [Span(Fraction(0), Fraction(1))]
        for crops in ([], [None]):
            (clip,) = cut(
                path, found, spans, video=VideoTrack(), audio=None, crops=crops, stats=DecodeStats()
            )
            frame = decoded(clip)[0]
            assert (frame.width, frame.height) == (400, 240)

    def test_colours_that_no_matrix_undoes_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        ramp_film(path)
        found = probe(path)
        strange = replace(
            found, info=replace(found.info, video=replace(found.info.video, color_space="ictcp"))
        )
        with pytest.raises(MediaError) as caught:
            next(
                cut(
                    path,
                    strange,
                    [Span(Fraction(0), Fraction(1))],
                    video=VideoTrack(),
                    audio=None,
                    stats=DecodeStats(),
                )
            )
        assert caught.value.reason == "matrix-not-supported"


@pytest.mark.parametrize("name", ["bt709_full_range.mp4", "bt601.mov", "v_odd_427x241_444.mp4"])
@pytest.mark.parametrize("matrix", list(Matrix))
def test_real_footage_keeps_its_colours(name: str, matrix: Matrix) -> None:
    """Decoded by its tags, the clip has the colours of the source decoded by its tags."""
    path = shared(f"fixtures/formats/{name}")
    found = probe(path)
    span = Span(Fraction(0), found.table.time(3))
    look = Look(matrix=matrix)
    for track in (VideoTrack(crf=1, look=look), VideoTrack(crf=1)):
        (clip,) = cut(path, found, [span], video=track, audio=None, stats=DecodeStats())
        with av.open(str(path), "r") as container:
            source = next(container.decode(video=0))
        truth = by_tags(source, found.info.video)
        shown = decoded(clip)[0]
        assert shown.color_range == 1
        if matrix is Matrix.bt709 and track.look:
            assert shown.colorspace == 1
        result = by_tags(shown, probe_of(clip))
        # R'G'B' has no room beyond white, Y'CbCr has: what is brighter than white is cut by another matrix.
        assert result == pytest.approx(truth, abs=2 if matrix is Matrix.source else 3)


def by_tags(frame: av.VideoFrame, facts: VideoStream) -> np.ndarray:
    """Mean colours of a grid of 4 x 4 fields, by the tags of the file alone."""
    fields = []
    for plane in planes_of(frame):
        rows = np.array_split(plane, 4, axis=0)
        fields.append(np.array([[part.mean() for part in np.array_split(r, 4, 1)] for r in rows]))
    return colours(fields, facts.color_space or "smpte170m", full=facts.color_range == "pc")


def probe_of(clip: EncodedClip) -> VideoStream:
    assert clip.video is not None
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        path.write_bytes(clip.video)
        return probe(path).info.video


@pytest.mark.parametrize("name", ["hdr10-av1.mp4", "hlg10-color-test.mp4"])
def test_real_hdr_becomes_sdr_where_the_recipe_says_so(name: str) -> None:
    path = shared(f"fixtures/formats/{name}")
    found = probe(path)
    span = Span(Fraction(0), found.table.time(3))
    with pytest.raises(MediaError) as caught:
        next(
            cut(path, found, [span], video=VideoTrack(look=Look()), audio=None, stats=DecodeStats())
        )
    assert caught.value.reason == "hdr-not-supported"
    track = VideoTrack(height=240, look=Look(hdr=Hdr.tonemap))
    (clip,) = cut(path, found, [span], video=track, audio=None, stats=DecodeStats())
    facts = probe_of(clip)
    assert (facts.color_space, facts.color_transfer, facts.color_primaries) == ("bt709",) * 3
    assert facts.height_px == 240
    picture = decoded(clip)[0].to_ndarray(format="rgb24")
    assert 25 < picture.mean() < 190
    assert (picture == 255).all(axis=2).mean() < 0.2
