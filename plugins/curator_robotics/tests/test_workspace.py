"""Robots and hands at work are told from what is neither; the hand network finds hands where they are."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from curator_robotics.classes import FIXTURES, NUM_CLASSES, OBJECTS, TOOLS
from curator_robotics.hand import Hand, HandFinder
from curator_robotics.workspace import Workspace

from curator.abc.measure import FrameNeed, View
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import Tiles
from curator.testing.measure import MeasureTests
from tests.footage import own, shared
from tests.measured import measured, model_files

Picture = npt.NDArray[np.uint8]


class TestWorkspace(MeasureTests):
    measure = Workspace(fps=1.0)

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


def test_the_groups_of_classes_are_classes_and_do_not_overlap() -> None:
    together = [*TOOLS, *FIXTURES, *OBJECTS]
    assert len(set(together)) == len(together)
    assert all(0 <= index < NUM_CLASSES for index in together)


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.2), (-0.1, 0.2)])
def test_a_small_hand_must_be_smaller_than_a_large_one(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="small_hand"):
        Workspace(small_hand=low, large_hand=high)


# ---- hands


@cache
def picture(path: Path, seconds: float, side: int = 640) -> Picture:
    """The frame at a time."""
    need = FrameNeed(view=View.rgb, fps=Fraction(8), max_side_px=side)
    found = probe(path)
    for tile in read_tiles(
        path, found, (need,), Tiles.of([int(seconds // 4)]), stats=DecodeStats()
    ):
        block = tile.blocks[need]
        at = int((seconds % 4) * 8)
        return np.array(block.pixels[at])  # type: ignore[union-attr]
    raise AssertionError("no such tile")


def hands(image: Picture) -> list[Hand]:
    weights = model_files(Workspace())
    finder = HandFinder(weights, wanted_by="workspace", min_confidence=0.5, min_presence=0.6)
    return finder(image)


def cups() -> Picture:
    return picture(shared("fixtures/robotics/hands_cups_720p.mp4"), 4.5)


def test_both_hands_at_the_cups_are_found() -> None:
    found = hands(cups())
    assert len(found) == 2
    left, right = sorted(hand.box.centre[0] / 640 for hand in found)
    assert 0.4 < left < 0.55 < 0.7 < right < 0.85
    assert all(hand.presence > 0.8 for hand in found)


def test_a_mirrored_or_turned_picture_has_its_hands_mirrored_or_turned() -> None:
    image = cups()
    height, width = image.shape[:2]
    ours = sorted(hand.box.centre for hand in hands(image))
    mirrored = sorted(
        (width - hand.box.centre[0], hand.box.centre[1])
        for hand in hands(np.ascontiguousarray(image[:, ::-1]))
    )
    turned = sorted(
        (width - hand.box.centre[0], height - hand.box.centre[1])
        for hand in hands(np.ascontiguousarray(image[::-1, ::-1]))
    )
    assert np.array(mirrored) == pytest.approx(np.array(ours), abs=0.04 * width)
    assert np.array(turned) == pytest.approx(np.array(ours), abs=0.04 * width)


def test_finger_tips_lie_farther_from_the_wrist_than_knuckles() -> None:
    image = picture(shared("fixtures/robotics/hands_blocks_topdown_720p.mp4"), 5.0)
    found = hands(image)
    assert found
    points = found[0].points[:, :2]
    palm = np.linalg.norm(points[9] - points[0])
    assert 0.1 < palm / found[0].size < 0.9
    assert np.linalg.norm(points[12] - points[0]) > 0.7 * palm


def test_robots_and_bottles_have_no_hands() -> None:
    assert not hands(picture(shared("fixtures/robotics/franka_cover.mp4"), 2.0))
    assert not hands(picture(own("static_bottles_40s.mp4"), 0.5))


# ---- whole clips


@pytest.mark.parametrize(
    "path",
    [
        "robotics/franka_cover.mp4",
        "robotics/franka_flip_pot.mp4",
        "robotics/bridge_pick_clutter.mp4",
        "robotics/rt1_robot_coke_upright.mp4",
        "robotics/bridge_episodes/ep04.mp4",
        "robotics/bridge_episodes/ep10.mp4",
        "robotics/hands_cups_720p.mp4",
        "robotics/hands_blocks_topdown_720p.mp4",
    ],
)
def test_work_has_an_agent(path: str) -> None:
    found = measured(Workspace(), shared(f"fixtures/{path}"))
    assert np.median(found.values("agent")) > 0.6


@pytest.mark.parametrize(
    "path",
    [
        "motion/juggle_720p.mp4",
        "motion/dog_play_720p.mp4",
        "reject/static_bottles_40s.mp4",
        "reject/toy_pig.mp4",
        "reject/roof_360p.mp4",
        "avatar/talk_m_02.mp4",
        "avatar/talk_f_01_hdtf.mp4",
    ],
)
def test_sport_talk_landscapes_and_mere_things_have_none(path: str) -> None:
    found = measured(Workspace(), shared(f"fixtures/{path}"))
    assert np.median(found.values("agent")) < 0.4
