"""Hands: found, followed, and told apart by whether something moves with them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from curator_robotics.grip import Flow, co_motion
from curator_robotics.hand import Hand
from curator_robotics.hands import Hands

from curator.abc.measure import ClipSeries
from curator.model.series import Series
from curator.model.span import Span
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, video_info
from tests.footage import own, shared
from tests.measured import measured, model_files

Picture = npt.NDArray[np.uint8]
SIDE = 200


class TestHands(MeasureTests):
    measure = Hands(fps=2.0)

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


def noise(seed: int, size: int) -> Picture:
    rng = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (size, size)), (0, 0), 1.5)
    return (128 + 50 * coarse / coarse.std()).clip(0, 255).astype(np.uint8)


def upright_hand(x: float, y: float, size: float = 80) -> Hand:
    """Wrist at (x, y), fingers up, like MediaPipe numbers them."""
    points = np.zeros((21, 3))
    points[0, :2] = x, y
    for finger in range(5):
        for joint in range(4):
            along = 0.45 + 0.18 * joint
            aside = (finger - 2) * 0.12
            points[1 + 4 * finger + joint, :2] = x + size * aside, y - size * along
    return Hand(points, 0.99, 0.9)


def moving(hand: Hand, *, hand_step: float, thing_step: float) -> float:
    """`co_motion` of a hand that moves right before a still background, with a thing above its tips."""
    flow = np.zeros((SIDE, SIDE, 2), np.float32)
    hull = cv2.convexHull(np.round(hand.points[:, :2]).astype(np.int32))
    skin = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(skin, hull, 1)
    left, top = int(hand.points[12, 0]) - 60, int(hand.points[12, 1]) - 60
    flow[top : top + 110, left : left + 120, 0] = thing_step
    flow[skin > 0, 0] = hand_step
    return co_motion(hand, flow, noise(3, SIDE), 1.0)


# ---- what moves with a hand


def test_a_thing_that_moves_as_the_hand_does_is_in_contact() -> None:
    assert moving(upright_hand(100, 160), hand_step=4, thing_step=4) > 0.9


def test_a_thing_that_stays_or_goes_elsewhere_is_not() -> None:
    assert moving(upright_hand(100, 160), hand_step=4, thing_step=0) == 0
    assert moving(upright_hand(100, 160), hand_step=4, thing_step=-4) == 0


def test_a_hand_that_rests_or_is_tiny_says_nothing_of_contact() -> None:
    assert np.isnan(moving(upright_hand(100, 160), hand_step=0.2, thing_step=0.2))
    assert np.isnan(moving(upright_hand(100, 160, size=15), hand_step=4, thing_step=4))


def test_a_camera_that_moves_with_everything_is_no_contact() -> None:
    hand = upright_hand(100, 160)
    flow = np.full((SIDE, SIDE, 2), 5, np.float32)
    assert np.isnan(co_motion(hand, flow, noise(3, SIDE), 1.0))


def test_bare_surroundings_say_nothing() -> None:
    flow = np.zeros((SIDE, SIDE, 2), np.float32)
    flow[60:170, 50:150, 0] = 4
    assert np.isnan(co_motion(upright_hand(100, 160), flow, np.full((SIDE, SIDE), 90, np.uint8), 1))


def test_flow_points_where_things_go() -> None:
    wall = np.repeat(noise(4, 280)[:, :, None], 3, axis=2)
    before, after = wall[20:220, 20:220], wall[17:217, 15:215]  # moved right by 5 and down by 3
    flow, plane, scale = Flow()(np.ascontiguousarray(before), np.ascontiguousarray(after))
    assert scale == 1
    assert plane.shape == (200, 200)
    middle = flow[40:160, 40:160].reshape(-1, 2)
    assert np.median(middle, axis=0) == pytest.approx([5, 3], abs=0.3)


def test_contact_is_a_share_of_the_frames_in_which_the_hand_moves() -> None:
    def series(*values: float) -> Series:
        ticks = np.arange(len(values), dtype=np.int64)
        return Series(ticks, Fraction(1, 8), np.array(values, np.float32))

    inside = {"count": series(1, 1, 0, 1), "co_motion": series(np.nan, 0.8, np.nan, 0.1)}
    info = video_info(Footage(np.zeros((8, 32, 32, 3), np.uint8)))
    signals = Hands().summarise(ClipSeries(Span(Fraction(0), Fraction(1)), info, inside))
    assert signals["present_share"].value == 0.75
    assert signals["contact_share"].value == 0.5


# ---- real footage


def test_cups_move_with_the_hands_that_shift_them() -> None:
    found = measured(Hands(), shared("fixtures/robotics/hands_cups_720p.mp4"))
    signals = found.signals()
    assert float(signals["present_share"].value or 0) > 0.75
    assert float(signals["contact_share"].value or 0) > 0.3
    assert 0.2 < np.nanmedian(found.values("size")) < 0.4
    assert 0.1 < np.nanmedian(found.values("speed")) < 0.5


def test_hands_that_sign_carry_nothing() -> None:
    found = measured(Hands(), own("asl_book.mkv"))
    contact = found.signals()["contact_share"].value
    assert contact is None or float(contact) < 0.3


@pytest.mark.parametrize(
    "path", ["robotics/franka_cover.mp4", "robotics/bridge_stack.mp4", "reject/roof_360p.mp4"]
)
def test_robots_and_roofs_have_no_hands(path: str) -> None:
    found = measured(Hands(fps=2.0), shared(f"fixtures/{path}"))
    assert float(found.signals()["present_share"].value or 0) < 0.15


def test_key_points_lie_in_the_hands_box() -> None:
    found = measured(Hands(fps=2.0), shared("fixtures/robotics/hands_blocks_topdown_720p.mp4"))
    points = found.values("keypoints").astype(np.float64)
    seen = np.flatnonzero(found.values("count"))
    middle = (points[seen, 0, :, 0].max(axis=1) + points[seen, 0, :, 0].min(axis=1)) / 2
    assert middle == pytest.approx(found.values("x")[seen], abs=0.01)
