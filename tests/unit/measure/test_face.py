"""Faces: found where they are, not found on toys and hands, and their angles point the right way."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curator.abc.measure import ClipSeries, FrameNeed, View
from curator.errors import MeasureError
from curator.infer.boxes import Box, overlap
from curator.measure.face import Detector, Face, geometry, yuface
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.series import Series
from curator.model.span import Span
from curator.model.tile import Tiles
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run, video_info
from tests.footage import own, shared
from tests.measured import measured, model_files

Pictures = npt.NDArray[np.uint8]
_NATIVE = sys.platform == "linux" and "avx2" in Path("/proc/cpuinfo").read_text()
needs_native = pytest.mark.skipif(not _NATIVE, reason="native code for Linux x86-64 with AVX2")


class TestFace(MeasureTests):
    measure = Face()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


@needs_native
class TestFaceByYuface(MeasureTests):
    measure = Face(detector=Detector.yuface, fps=2.0)

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


@cache
def pictures(path: Path, *, count: int = 12, side: int = 640) -> Pictures:
    """The first `count` frames of a file at 8 fps."""
    need = FrameNeed(view=View.rgb, fps=Fraction(8), max_side_px=side)
    for tile in read_tiles(path, probe(path), (need,), Tiles.all(1), stats=DecodeStats()):
        block = tile.blocks[need]
        return np.array(block.pixels[:count])  # type: ignore[union-attr]
    raise AssertionError("a video has a first tile")


def talker() -> Pictures:
    return pictures(own("talk_f_01_hdtf.mp4"))


def values(frames: Pictures, name: str, measure: Face | None = None) -> npt.NDArray[np.float64]:
    """One series for frames that are sampled one by one."""
    measure = measure or Face()
    footage = Footage(np.ascontiguousarray(frames), fps=Fraction(8))
    return run(measure, footage, weights=model_files(measure))[name].values.astype(np.float64)


def beside(left: Pictures, right: Pictures) -> Pictures:
    n = min(len(left), len(right))
    return np.concatenate([left[:n], right[:n]], axis=2)


# ---- real footage: found, and not found


@pytest.mark.parametrize("detector", [Detector.blazeface, pytest.param(Detector.yuface, marks=needs_native)])  # fmt: skip
@pytest.mark.parametrize(
    ("name", "yaw", "pitch"),
    [
        ("talk_f_01_hdtf.mp4", (-15, 15), (-15, 15)),
        ("talk_silent.mp4", (-15, 15), (-15, 15)),
        ("face_noaudio_selfie.mp4", (-35, 35), (-25, 5)),
        ("asl_book.mkv", (-20, -5), (5, 25)),
    ],
)
def test_one_person_is_one_face_that_looks_where_it_looks(
    name: str, yaw: tuple[int, int], pitch: tuple[int, int], detector: Detector
) -> None:
    found = measured(Face(detector=detector, fps=4.0), own(name))
    assert float(found.signals()["alone_share"].value or 0) >= 0.85
    for series, (low, high) in (("yaw_deg", yaw), ("pitch_deg", pitch)):
        assert low < float(np.nanmedian(found.values(series))) < high


@pytest.mark.parametrize(
    "path",
    [
        "robotics/hands_cups_720p.mp4",
        "robotics/franka_cover.mp4",
        "reject/toy_crystal.mp4",
        "reject/toy_pig.mp4",
        "reject/roof_360p.mp4",
    ],
)
def test_things_have_no_face(path: str) -> None:
    assert not measured(Face(fps=4.0), shared(f"fixtures/{path}")).values("count").any()


@pytest.mark.parametrize(
    "name",
    [
        "toy_frog.mp4",
        "toy_rabbit_vp8_240p.webm",
        "hands_blocks_topdown_720p.mp4",
        "static_bottles_40s.mp4",
        "bbb_0_30.webm",
    ],
)
def test_toys_hands_bottles_and_cartoon_animals_have_no_face(name: str) -> None:
    found = measured(Face(fps=2.0), own(name))
    assert not found.values("count").any()
    assert np.isnan(found.values("yaw_deg")).all()
    signals = found.signals()
    assert signals["alone_share"].value == 0
    assert signals["movement"].absent == "no-face"


def test_the_landmark_network_is_what_keeps_a_bottle_cap_from_being_a_face() -> None:
    frames = pictures(own("static_bottles_40s.mp4"))
    credulous = Face(min_confidence=0.5)
    assert values(frames, "candidates", credulous).any()
    assert not values(frames, "count", credulous).any()


@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        ("avatar/talk_m_04_portrait_hevc.mp4", 0.35, 1.5),
        ("avatar/talk_f_01b.mp4", 0.35, 1.5),
        ("avatar/talk_m_02.mp4", 0.25, 1.5),
        ("avatar/face_music.mp4", 0.0, 0.1),
        ("avatar/face_noaudio_selfie.mp4", 0.0, 0.1),
    ],
)
def test_a_mouth_that_talks_moves_more_than_one_that_does_not(
    path: str, low: float, high: float
) -> None:
    found = measured(Face(), shared(f"fixtures/{path}")).signals()
    assert found["alone_share"].value == 1
    assert low <= float(found["talking"].value or 0) <= high


# ---- geometry of the picture


def test_two_people_are_two_faces_and_the_taller_one_is_reported() -> None:
    small = np.stack([cv2.resize(one, (256, 256)) for one in talker()])
    small = np.concatenate([small, np.full_like(small, 90)], axis=1)
    frames = beside(talker(), small)
    assert (values(frames, "count") == 2).all()
    x = values(frames, "x")
    assert (x < 0.5).all()
    assert values(frames[:, :, ::-1], "x") == pytest.approx(1 - x, abs=0.02)


def test_the_same_person_twice_is_two_faces_as_well() -> None:
    frames = beside(talker(), talker()[:, :, ::-1])
    assert (values(frames, "count") == 2).all()


def test_mirroring_turns_yaw_and_roll_and_leaves_pitch_and_mouth() -> None:
    frames, mirrored = talker(), talker()[:, :, ::-1]
    for name, sign, slack in (("yaw_deg", -1, 3), ("roll_deg", -1, 2), ("pitch_deg", 1, 3)):
        one, other = values(frames, name), values(mirrored, name)
        assert np.median(np.abs(sign * one - other)) < slack, name
    assert values(mirrored, "mouth_open") == pytest.approx(values(frames, "mouth_open"), abs=0.06)
    assert values(mirrored, "x") == pytest.approx(1 - values(frames, "x"), abs=0.02)


@pytest.mark.parametrize("degrees", [-25, 20])
def test_a_picture_turned_clockwise_rolls_the_head_by_as_much(degrees: int) -> None:
    frames = talker()
    height, width = frames.shape[1:3]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 0.8)
    turned = np.stack([cv2.warpAffine(one, turn, (width, height)) for one in frames])
    change = values(turned, "roll_deg") - values(frames, "roll_deg")
    assert np.median(change) == pytest.approx(degrees, abs=2)


def test_heights_are_pixels_of_the_original_whatever_the_size_judged() -> None:
    at_full = measured(Face(fps=2.0), own("talk_f_01_hdtf.mp4"))
    at_half = measured(Face(fps=2.0, max_side_px=256), own("talk_f_01_hdtf.mp4"))
    one, other = at_full.values("height_px"), at_half.values("height_px")
    assert np.nanmedian(one) == pytest.approx(0.62 * 512, rel=0.05)  # 512 px tall, by eye
    assert np.nanmedian(other) == pytest.approx(np.nanmedian(one), rel=0.03)
    share = at_full.values("height").astype(np.float64)
    assert one == pytest.approx(share * at_full.info.video.display_height_px, rel=1e-4)


def test_landmarks_lie_in_the_box_in_shares_of_the_picture() -> None:
    footage = Footage(talker(), fps=Fraction(8))
    series = run(Face(), footage, weights=model_files(Face()))
    points = series["landmarks"].values.astype(np.float64)
    low, high = points[..., :2].min(axis=1), points[..., :2].max(axis=1)
    centre = np.stack([series["x"].values, series["y"].values], axis=1)
    size = np.stack([series["width"].values, series["height"].values], axis=1)
    assert (low + high) / 2 == pytest.approx(centre, abs=1e-3)
    assert high - low == pytest.approx(size, abs=2e-3)
    assert series["landmarks"].values.dtype == np.float16


def test_a_face_smaller_than_asked_for_does_not_count() -> None:
    frames = talker()
    height = float(values(frames, "height").max())
    assert not values(frames, "count", Face(min_height=height + 0.05)).any()


def test_noise_and_blank_frames_have_no_face() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 360, 640, 3), dtype=np.uint8)
    frames[:2] = np.array([0, 128], np.uint8)[:, None, None, None]
    assert not values(frames, "count").any()
    assert np.isnan(values(frames, "presence")).all()


# ---- geometry of the head


def head(yaw: float = 0, pitch: float = 0, roll: float = 0) -> npt.NDArray[np.float64]:
    """The canonical face after the turns a person would make, in degrees, as a picture shows it."""
    y, p, r = (math.radians(angle) for angle in (yaw, pitch, roll))
    nod = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    shake = np.array([[math.cos(y), 0, -math.sin(y)], [0, 1, 0], [math.sin(y), 0, math.cos(y)]])
    lean = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    points = np.zeros((478, 3))
    points[geometry._BASIS] = geometry._IN_PICTURE @ (lean @ shake @ nod).T
    return points


@pytest.mark.parametrize("angle", [-60, -20, 0, 15, 45])
def test_a_head_that_turns_by_one_angle_is_read_as_that_angle(angle: int) -> None:
    assert geometry.angles_deg(head(yaw=angle)) == pytest.approx((angle, 0, 0), abs=1e-6)
    assert geometry.angles_deg(head(pitch=angle)) == pytest.approx((0, angle, 0), abs=1e-6)
    assert geometry.angles_deg(head(roll=angle)) == pytest.approx((0, 0, angle), abs=1e-6)


def test_the_nose_goes_right_and_up_with_positive_angles() -> None:
    nose = 4
    assert head(yaw=20)[nose, 0] > head()[nose, 0]
    assert head(pitch=20)[nose, 1] < head()[nose, 1]  # y points down


def test_angles_do_not_depend_on_size_or_place() -> None:
    points = head(yaw=12, pitch=-7, roll=3)
    moved = points * 37 + [100, -50, 9]
    assert geometry.angles_deg(moved) == pytest.approx(geometry.angles_deg(points), abs=1e-6)


def test_gaps_of_mouth_and_eyes_are_measured_in_their_widths() -> None:
    points = np.zeros((478, 3))
    points[[78, 308], 0] = -10, 10
    points[[13, 14], 1] = -3, 2
    for upper, lower, outer, inner, gap in ((159, 145, 33, 133, 4), (386, 374, 263, 362, 2)):
        points[[outer, inner], 0] = -5, 5
        points[[upper, lower], 1] = 0, gap
    assert geometry.mouth_open(points) == pytest.approx(0.25)
    assert geometry.eyes_open(points) == pytest.approx(0.3)


def test_overlap_is_area_in_both_over_area_in_either() -> None:
    one = Box(0, 0, 10, 10)
    assert overlap(one, one) == 1
    assert overlap(one, Box(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap(one, Box(20, 20, 30, 30)) == 0


# ---- signals, from series made by hand


def clip(**series: list[float]) -> ClipSeries:
    """Two samples per second of a 200 x 100 video; a face 0.2 wide and 0.4 high unless said otherwise."""
    n = len(series["x"])
    rest = {"y": [0.5] * n, "width": [0.2] * n, "height": [0.4] * n, "mouth_open": [0.0] * n}
    made = {
        name: Series(np.arange(n, dtype=np.int64), Fraction(1, 2), np.array(column, np.float32))
        for name, column in {"count": np.isfinite(series["x"]) * 1.0, **rest, **series}.items()
    }
    info = video_info(Footage(np.zeros((n, 100, 200, 3), np.uint8), fps=Fraction(2)))
    return ClipSeries(Span(Fraction(0), Fraction(n, 2)), info, made)


def test_movement_is_in_face_heights_per_second() -> None:
    # 0.1 of 200 px is 20 px: half a face of 40 px, each half second.
    signals = Face().summarise(clip(x=[0.2, 0.3, 0.4, 0.3]))
    assert signals["movement"].value == pytest.approx(1.0)
    assert signals["jumps"].value == 0


def test_talking_is_the_way_of_the_lips_per_second() -> None:
    signals = Face().summarise(clip(x=[0.5] * 5, mouth_open=[0.0, 0.4, 0.1, 0.1, 0.5]))
    assert signals["talking"].value == pytest.approx(1.1 / 2)
    assert signals["movement"].value == 0


def test_another_face_is_a_jump_and_no_movement() -> None:
    signals = Face().summarise(clip(x=[0.2, 0.2, 0.8, 0.8]))
    assert signals["jumps"].value == 1
    assert signals["movement"].value == 0


def test_frames_without_a_face_are_no_movement() -> None:
    signals = Face().summarise(clip(x=[0.2, math.nan, 0.3, 0.3], height=[0.4, math.nan, 0.4, 0.4]))
    assert signals["movement"].value == 0
    assert signals["alone_share"].value == 0.75
    lonely = Face().summarise(clip(x=[0.2, math.nan], height=[0.4, math.nan]))
    assert lonely["movement"].absent == lonely["jumps"].absent == "no-face"


# ---- what is missing


def test_without_litert_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MeasureError) as caught:
        Face().start({weight.name: tmp_path / "x" for weight in Face().weights})
    assert caught.value.reason == "extra-missing"
    assert "curator-build[face]" in str(caught.value.hint)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a network")
    with pytest.raises(MeasureError) as caught:
        Face().start({weight.name: tmp_path / "x" for weight in Face().weights})
    assert caught.value.reason == "weights-unreadable"


def test_the_native_detector_says_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yuface.platform, "machine", lambda: "arm64")
    with pytest.raises(MeasureError) as caught:
        yuface.YuFace({}, min_confidence=0.6)
    assert caught.value.reason == "face-platform"
    assert "blazeface" in str(caught.value.hint)


@needs_native
def test_native_code_with_another_digest_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(yuface.ctypes, "CDLL", lambda path, mode: loaded.append(path))
    files = {}
    for weight in yuface.YUFACE:
        files[weight.name] = tmp_path / weight.name
        files[weight.name].write_bytes(b"\x7fELF something else")
    with pytest.raises(MeasureError) as caught:
        yuface.YuFace(files, min_confidence=0.6)
    assert caught.value.reason == "weights-digest"
    assert loaded == []


def test_confidences_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Face(min_confidence=1.0)
