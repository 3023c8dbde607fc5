"""Regions, anchors and limbs: geometry with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from curator_motion.body import _OTHER_SIDE, Body, _refined
from curator_motion.detector import Region, _anchors
from curator_motion.posture import JOINTS, cut_limbs, length_px, pose, shares
from hypothesis import given
from hypothesis import strategies as st

angles = st.floats(-math.pi, math.pi)
places = st.floats(-500, 1500)


def region(
    tilt: float = 0.0, *, centre: tuple[float, float] = (100, 80), side: float = 200
) -> Region:
    return Region(0.9, centre, side, tilt)


def body(points: np.ndarray, *, visibility: float = 1.0, side: float = 200) -> Body:
    where = region(side=side)
    return Body(where, 1.0, points, np.full(33, visibility), np.zeros((33, 3)), where)


def test_there_are_as_many_anchors_as_outputs_and_the_first_lie_on_the_finest_grid():
    anchors = _anchors()
    assert anchors.shape == (2254, 2)
    assert anchors[0] == pytest.approx([0.5 / 28, 0.5 / 28])
    assert (anchors[0] == anchors[1]).all(), "two anchors a cell"
    assert anchors[2] == pytest.approx([1.5 / 28, 0.5 / 28]), "x runs first"
    assert anchors[-1] == pytest.approx([6.5 / 7, 6.5 / 7])


@given(angles, places, places)
def test_the_centre_of_a_region_is_the_centre_of_its_map(tilt, x, y):
    back = region(tilt, centre=(x, y)).map_from(256)
    assert back[:, :2] @ [128, 128] + back[:, 2] == pytest.approx([x, y], abs=1e-6)


@given(angles)
def test_up_in_a_region_is_from_hips_to_head_in_the_picture(tilt):
    hips = np.array([300.0, 200.0])
    head = hips + 90 * np.array([math.sin(tilt), -math.cos(tilt)])
    found = Region.of(hips, head, 0.5)
    assert found.length == pytest.approx(180)
    assert found.side == pytest.approx(225)
    back = found.map_from(256)
    top = back[:, :2] @ [128, 128 - 256 * 90 / 225] + back[:, 2]
    assert top == pytest.approx(head, abs=1e-6)


def test_the_other_side_of_the_other_side_is_the_same_point():
    assert (_OTHER_SIDE[_OTHER_SIDE] == np.arange(39)).all()
    assert _OTHER_SIDE[[11, 15, 27, 31]].tolist() == [12, 16, 28, 32]
    assert _OTHER_SIDE[[0, 2, 5, 7, 9]].tolist() == [0, 5, 2, 8, 10]


def test_points_go_to_the_middle_of_the_heat_around_them():
    heat = np.full((64, 64, 39), -20, np.float32)
    heat[31, 33, 0] = 20  # row 31, column 33
    points = np.full((39, 2), 0.5)
    moved = _refined(points, heat)
    assert moved[0] == pytest.approx([33 / 64, 31 / 64], abs=1e-3)
    assert (moved[1:] == 0.5).all(), "no heat, no move"


def test_limbs_beyond_the_edge_are_cut_and_hidden_ones_are_not():
    points = np.full((33, 2), 50.0)
    assert cut_limbs(body(points, visibility=0.0), (100, 100)) == 0
    points[[27, 28], 1] = 130.0
    assert cut_limbs(body(points), (100, 100)) == 2
    assert shares(body(points), (100, 100)) == pytest.approx((10 / 12, 1.0))
    assert shares(body(points, visibility=0.2), (100, 100)) == (0.0, 0.0)


@given(st.floats(0.2, 5), places, places)
def test_a_pose_does_not_depend_on_place_and_size(scale, x, y):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (33, 2))
    moved = body(points * scale + [x, y], side=200 * scale)
    assert length_px(moved) == pytest.approx(160 * scale)
    assert pose(moved) == pytest.approx(pose(body(points)), abs=1e-6)
    assert pose(moved).shape == (len(JOINTS), 2)
