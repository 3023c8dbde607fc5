"""Bodies: found and fitted where they are, disbelieved where nobody is, and measured against themselves."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from curator_motion import Pose

from curator.abc.measure import FrameNeed, View
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.series import Series
from curator.model.span import Span
from curator.model.tile import Tiles
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run
from tests.footage import own, shared
from tests.measured import Measured, measured, model_files

Pictures = npt.NDArray[np.uint8]
FIRST_TILE = Span(Fraction(0), Fraction(4))


class TestPose(MeasureTests):
    measure = Pose()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


@cache
def pictures(path: Path, *, count: int = 16, side: int = 640) -> Pictures:
    """The first `count` frames of a file at 8 fps."""
    need = FrameNeed(view=View.rgb, fps=Fraction(8), max_side_px=side)
    for tile in read_tiles(path, probe(path), (need,), Tiles.all(1), stats=DecodeStats()):
        block = tile.blocks[need]
        return np.array(block.pixels[:count])  # type: ignore[union-attr]
    raise AssertionError("a video has a first tile")


def of(frames: Pictures) -> dict[str, Series]:
    """What `pose` says of frames at 8 per second."""
    footage = Footage(np.ascontiguousarray(frames), fps=Fraction(8))
    return run(Pose(), footage, weights=model_files(Pose()))


@cache
def juggler() -> Measured:
    return measured(Pose(), own("juggle_720p.mp4"))


# --- real clips


def test_a_juggler_is_one_whole_body_all_the_time():
    assert (juggler().values("count") == 1).all()
    assert juggler().values("inside").mean() > 0.9
    assert np.median(juggler().values("mirror_gap")) < 0.015
    assert np.median(juggler().values("height_px")) == pytest.approx(650, rel=0.1)
    assert not juggler().values("cut").any()


def test_points_are_where_the_body_is():
    points = juggler().values("keypoints")
    assert points.shape[1:] == (33, 3)
    x, y = points[..., 0], points[..., 1]
    # The man stands upright: eyes above shoulders above hips above knees above heels.
    order = [y[:, k].mean() for k in (2, 11, 23, 25, 29)]
    assert order == sorted(order)
    assert x.min() > 0
    assert x.max() < juggler().info.video.display_width_px
    # He faces the camera: his left is on the right of the picture.
    assert (x[:, 11] > x[:, 12]).mean() > 0.9


def test_lifted_points_have_the_size_of_a_man():
    world = juggler().values("world").astype(np.float64)
    assert np.abs(world[:, [23, 24]].mean(axis=1)).max() < 0.05, (
        "the middle of the hips is the origin"
    )
    thigh = np.linalg.norm(world[:, 23] - world[:, 25], axis=1)
    assert np.median(thigh) == pytest.approx(0.42, abs=0.1)
    assert np.median(world[:, 29, 1]) > 0.5, "y points down"


def test_juggling_is_a_varied_movement_with_a_foot_on_the_ground():
    signals = {name: one.value for name, one in juggler().signals().items()}
    assert 0.04 < signals["spread"] < 0.1
    assert signals["variety"] >= 8
    assert signals["foot_contact"] > 0.9
    assert signals["switches"] == 0
    assert signals["longest_seconds"] > 9


def test_upper_bodies_are_seen_but_not_whole():
    signer = measured(Pose(), own("asl_book.mkv"), FIRST_TILE)
    assert (signer.values("count") == 1).all()
    assert (signer.values("inside") < 0.75).all()
    assert (signer.values("upper") >= 0.5).mean() > 0.9
    assert signer.signals()["cut_share"].value == 1


@pytest.mark.parametrize("name", ["talk_f_01_hdtf.mp4", "face_noaudio_selfie.mp4"])
def test_talking_heads_are_no_whole_bodies(name):
    found = measured(Pose(), own(name), FIRST_TILE)
    assert not (found.values("inside") >= 0.75).any()


def test_an_animated_bird_is_doubted_though_the_network_sees_a_person():
    bird = measured(Pose(), own("bbb_0_30.webm"), Span(Fraction(16), Fraction(20)))
    gaps = bird.values("mirror_gap")
    assert np.isfinite(gaps).mean() > 0.5, "there is a candidate most of the time"
    assert np.nanmedian(gaps) > 0.02 > 1.5 * np.nanmedian(juggler().values("mirror_gap"))
    assert (bird.values("inside") >= 0.75).mean() < 0.5


@pytest.mark.parametrize(
    "name",
    [
        "hands_blocks_topdown_720p.mp4",
        "static_bottles_40s.mp4",
        "toy_frog.mp4",
        "toy_rabbit_vp8_240p.webm",
    ],
)
def test_hands_and_toys_are_no_people(name):
    found = measured(Pose(), own(name), FIRST_TILE)
    assert (found.values("inside") >= 0.75).mean() < 0.2


@pytest.mark.parametrize("name", ["franka_pour_corn.mp4", "bridge_stack.mp4"])
def test_robots_are_no_people(name):
    found = measured(Pose(), shared(f"fixtures/robotics/{name}"))
    assert (found.values("inside") >= 0.75).mean() < 0.2


def test_small_walkers_are_found_and_walking_is_periodic():
    path = shared("fixtures/motion/sports2d_demo_vp9.mp4")
    walk = measured(Pose(), path, Span(Fraction(0), Fraction(8)))
    span = Span(Fraction(13, 5), Fraction(31, 5))
    assert walk.signals(span)["periodicity"].value > 0.5
    assert np.nanmedian(walk.series["speed"].within(span).values) > 0.25


def test_two_people_are_two_and_the_one_followed_is_kept():
    path = shared("fixtures/motion/chaplin_bw.mp4")
    found = measured(Pose(), path)
    assert np.median(found.values("count")) == 2
    assert found.signals()["switches"].value <= 6


# --- what must not matter


def test_a_steady_pan_is_neither_movement_nor_jolt():
    still = pictures(own("juggle_720p.mp4"), count=1)[0]
    wide = still[:, :500]
    pan = np.stack([wide[:, 4 * k : 4 * k + 400] for k in range(16)])
    series = of(pan)
    assert (series["count"].values == 1).all()
    assert np.nanmax(series["speed"].values) < 0.12
    assert np.nanmax(series["foot_speed"].values) < 0.2, "the ground moves with the foot"
    assert np.nanmax(series["jolt"].values[2:]) < 0.03


def test_a_shaken_camera_jolts():
    still = pictures(own("juggle_720p.mp4"), count=1)[0]
    rng = np.random.default_rng(1)
    offsets = rng.integers(0, 40, (16, 2))
    shaken = np.stack([still[y : y + 300, x : x + 560] for y, x in offsets])
    series = of(shaken)
    assert np.median(series["jolt"].values[2:]) > 0.2
    assert np.nanmedian(series["speed"].values) < 0.15


def test_a_mirrored_picture_has_the_mirrored_body():
    frames = pictures(own("juggle_720p.mp4"), count=2)
    straight, mirrored = (of(one)["keypoints"].values for one in (frames, frames[:, :, ::-1]))
    width = frames.shape[2]
    left, right = straight[0, 15], mirrored[0, 16]
    assert right[0] == pytest.approx(width - left[0], abs=6)
    assert right[1] == pytest.approx(left[1], abs=4)


def test_a_turned_picture_has_the_turned_body():
    frame = pictures(own("juggle_720p.mp4"), count=1)
    turned = np.rot90(frame, axes=(1, 2))
    straight, lying = of(frame)["keypoints"].values[0], of(turned)["keypoints"].values[0]
    # A quarter to the left: what was right is up.
    width = frame.shape[2]
    assert lying[[11, 12, 23, 24, 25, 26], 0] == pytest.approx(
        straight[[11, 12, 23, 24, 25, 26], 1], abs=12
    )
    assert lying[[11, 12, 23, 24, 25, 26], 1] == pytest.approx(
        width - straight[[11, 12, 23, 24, 25, 26], 0], abs=12
    )


def test_cut_off_legs_are_cut_off():
    frames = pictures(own("juggle_720p.mp4"), count=2)
    series = of(frames[:, :210])  # hips at about 175 of 360, knees at 230 to 245
    assert (series["cut"].values == 2).all()
    assert (series["inside"].values < 0.75).all()


def test_black_frames_have_nobody():
    series = of(np.zeros((8, 180, 320, 3), np.uint8))
    assert not series["count"].values.any()
    assert np.isnan(series["inside"].values).all()
