"""Signals of a clip from series whose movement is known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from curator_motion import Pose

from curator.abc.measure import ClipSeries
from curator.model.series import Series
from curator.model.span import Span
from curator.testing.tiles import Footage, video_info

FPS = 8
HEIGHT_PX = 400.0
PICTURE = np.zeros((1, 720, 1280, 3), np.uint8)
INFO = video_info(Footage(np.broadcast_to(PICTURE, (80, 720, 1280, 3)), fps=Fraction(FPS)))


def signals(joints, *, x=0.5, there=None, cut=0.0, foot_speed=0.0):
    """Signals of a body whose joints stray by `joints` ``(n,)`` body lengths, sideways."""
    n = len(joints)
    there = np.ones(n, bool) if there is None else there
    points = np.zeros((n, 33, 3))
    points[:, [13, 15], 0] = np.asarray(joints)[:, None] * HEIGHT_PX
    values = {
        "count": there.astype(float),
        "height_px": np.full(n, HEIGHT_PX),
        "x": np.broadcast_to(x, n).astype(float),
        "y": np.full(n, 0.5),
        "cut": np.broadcast_to(cut, n).astype(float),
        "foot_speed": np.broadcast_to(foot_speed, n).astype(float),
        "keypoints": points,
    }
    for name, one in values.items():
        if name != "count":
            one[~there] = np.nan
    series = {
        name: Series(np.arange(n), Fraction(1, FPS), one.astype(np.float32))
        for name, one in values.items()
    }
    series["foot_speed"] = series["foot_speed"].last(n - 1)
    clip = ClipSeries(Span(Fraction(0), Fraction(n, FPS)), INFO, series)
    return {
        name: one.value if one.absent is None else one.absent
        for name, one in Pose().summarise(clip).items()
    }


TIME = np.arange(80) / FPS


def test_a_body_that_stands_still_has_one_pose_and_no_range():
    still = signals(np.zeros(80))
    assert still["spread"] == 0
    assert still["variety"] == 1
    assert still["periodicity"] == 0
    assert still["longest_seconds"] == pytest.approx(10)


def test_a_swing_repeats_itself_and_a_walk_at_random_does_not():
    swing = signals(0.2 * np.sin(2 * np.pi * TIME))
    assert swing["periodicity"] > 0.9
    rng = np.random.default_rng(0)
    assert signals(0.2 * rng.standard_normal(80))["periodicity"] < 0.5
    assert signals(0.1 * TIME)["periodicity"] < 0.2, "a drift is no rhythm"


def test_range_and_variety_grow_with_the_swing():
    small, large = (signals(size * np.sin(2 * np.pi * TIME)) for size in (0.1, 0.4))
    assert large["spread"] == pytest.approx(4 * small["spread"], rel=1e-3)
    # Two of twelve joints swing: RMS over joints of 0.4 / sqrt(2) * sqrt(2 / 12).
    assert large["spread"] == pytest.approx(0.4 / np.sqrt(2) * np.sqrt(2 / 12), rel=0.02)
    assert large["variety"] > small["variety"] >= 1


def test_repeating_a_movement_adds_no_variety():
    once, twice = (signals(0.4 * np.sin(2 * np.pi * TIME[:n])) for n in (16, 64))
    assert once["variety"] == twice["variety"]


def test_a_jump_to_another_place_is_a_switch_and_ends_the_longest_stretch():
    x = np.where(np.arange(80) < 48, 0.1, 0.9)
    jumped = signals(np.zeros(80), x=x)
    assert jumped["switches"] == 1
    assert jumped["longest_seconds"] == pytest.approx(6)


def test_a_gap_is_no_switch_but_ends_a_stretch():
    there = np.ones(80, bool)
    there[30:34] = False
    gap = signals(0.2 * np.sin(2 * np.pi * TIME), there=there)
    assert gap["switches"] == 0
    assert gap["longest_seconds"] == pytest.approx(46 / FPS)
    assert gap["periodicity"] > 0.9


def test_contact_and_cuts_are_shares():
    half = (np.arange(80) < 40).astype(float)
    found = signals(np.zeros(80), cut=2 * half, foot_speed=half)
    assert found["cut_share"] == 0.5
    assert found["foot_contact"] == pytest.approx(0.5, abs=0.02)


def test_nobody_has_no_movement_rather_than_none():
    assert set(signals(np.zeros(80), there=np.zeros(80, bool)).values()) == {"no-person"}


def test_three_frames_are_too_short_for_a_range():
    short = signals(np.zeros(3))
    assert short["spread"] == "too-short"
    assert short["cut_share"] == 0
