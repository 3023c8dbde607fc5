"""Offsets from two activities: the laws that hold for any of them, and what luck alone reaches."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.align.estimate.activity import Activity, even, lively
from curator.align.estimate.compare import Band, compare
from curator.align.estimate.correlate import correlation, highest
from curator.model.span import Span
from curator.model.sync import Offset

BAND = Band(step_seconds=0.01, fine_seconds=0.02, coarse_seconds=0.3)
Floats = npt.NDArray[np.float64]


def wave(seconds: Floats, seed: int) -> Floats:
    """Something that happens at 1 to 5 Hz without repeating, at any times."""
    rng = np.random.default_rng(seed)
    speed, phase, height = rng.uniform(1, 5, 200), rng.uniform(0, 7, 200), rng.normal(size=200)
    return np.asarray(np.sin(2 * np.pi * speed * seconds[:, None] + phase) @ height)


def times(seconds: float, fps: float, seed: int, jitter: float = 0.3, start: float = 0.0) -> Floats:
    """Uneven times: every one lies somewhere in its own step."""
    steps = np.arange(round(seconds * fps))
    moved = steps + np.random.default_rng(seed).uniform(-jitter, jitter, len(steps))
    return start + moved / fps


def video(seed: int, seconds: float = 6.0, fps: float = 25.0) -> Activity:
    at = times(seconds, fps, seed)
    return Activity.of(at, wave(at, seed))


def track(seed: int, late: float, seconds: float = 6.0, fps: float = 60.0) -> Activity:
    at = times(seconds + 4, fps, seed + 1, start=-2.0)
    return Activity.of(at, wave(at - late, seed))


def found(seen: Activity, heard: Activity, most: float = 1.0, seconds: float = 6.0) -> Offset:
    span = Span(Fraction(0), Fraction(seconds))
    return compare(seen, heard, BAND, span=span, max_offset_seconds=most)


def late_by(offset: Offset) -> float:
    assert offset.seconds is not None, offset.absent
    return offset.seconds


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.95, 0.95), st.integers(0, 1000))
def test_a_positive_offset_is_a_late_track_and_is_found_within_milliseconds(late, seed):
    offset = found(video(seed), track(seed, late))
    assert late_by(offset) == pytest.approx(late, abs=0.004)
    assert offset.confidence > 2


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.5, 0.5), st.integers(0, 1000))
def test_moving_the_track_moves_the_offset_by_as_much(move, seed):
    one = track(seed, 0.1)
    other = Activity(seconds=one.seconds + move, values=one.values)
    found_one, found_other = found(video(seed), one), found(video(seed), other)
    assert late_by(found_other) - late_by(found_one) == pytest.approx(move, abs=0.003)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.001, 1000), st.floats(-100, 100), st.integers(0, 1000))
def test_gain_and_level_of_either_do_not_matter(gain, level, seed):
    one = track(seed, 0.2)
    other = Activity(seconds=one.seconds, values=one.values * gain + level)
    a, b = found(video(seed), one), found(video(seed), other)
    assert late_by(a) == pytest.approx(late_by(b), abs=1e-6)
    assert a.confidence == pytest.approx(b.confidence, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 1.5), st.integers(0, 1000), st.integers(0, 1000))
def test_nothing_beyond_the_bound_is_said_on_either_side(most, seed, other):
    assert abs(late_by(found(video(seed), track(other, 0.0), most))) <= most


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.4, 0.4), st.integers(0, 1000))
def test_swapping_the_two_turns_the_sign(late, seed):
    at = times(8, 50, seed)
    one, other = Activity.of(at, wave(at, seed)), Activity.of(at, wave(at - late, seed))
    there = found(one, other, seconds=8)
    back = found(other, one, seconds=8)
    assert late_by(there) == pytest.approx(-late_by(back), abs=0.004)


def test_gaps_count_for_nothing():
    seen, heard = video(3), track(3, 0.3)
    holes = seen.values.copy()
    holes[20:45] = np.nan
    holes[90:110] = np.nan
    with_holes = Activity(seconds=seen.seconds, values=holes)
    assert late_by(found(with_holes, heard)) == pytest.approx(0.3, abs=0.005)
    # The same when the samples are not there at all.
    kept = np.isfinite(holes[:, 0])
    without = Activity(seconds=seen.seconds[kept], values=seen.values[kept])
    assert late_by(found(without, heard)) == pytest.approx(0.3, abs=0.005)


def test_a_hole_is_no_straight_line():
    at = np.array([0.0, 0.1, 0.2, 0.9, 1.0, 1.1])
    first, values = even(Activity.of(at, at), step_seconds=0.05)
    assert first == 0
    assert np.isnan(values[5:17]).all()
    assert np.isfinite(values[[0, 1, 2, 3, 4, 18, 19]]).all()


@pytest.mark.parametrize("seconds", [3, 6, 12, 25])
@pytest.mark.parametrize("most", [0.25, 1.0])
def test_wrong_pairs_have_a_confidence_of_zero_plus_minus_one_at_any_length(seconds, most):
    wrong = np.array(
        [
            found(
                video(seed, seconds), track(seed + 5000, 0, seconds), most, seconds=seconds
            ).confidence
            for seed in range(80)
        ]
    )
    assert abs(wrong.mean()) < 0.6
    assert 0.5 < wrong.std() < 1.5
    assert np.quantile(wrong, 0.95) < 3.5


def test_noise_on_top_of_what_agrees_lowers_the_confidence():
    seen, clean = video(8), track(8, -0.2)
    noise = np.random.default_rng(0).normal(size=clean.values.shape) * clean.values.std()
    levels = [
        found(seen, Activity(seconds=clean.seconds, values=clean.values + share * noise))
        for share in (0, 4, 40)
    ]
    assert levels[0].confidence > levels[1].confidence > levels[2].confidence
    assert levels[2].confidence < 3


def test_what_repeats_is_not_sure_of_its_place():
    at = times(8, 50, 0, jitter=0)
    beat = Activity.of(at, np.sin(2 * np.pi * 2 * at))
    once = Activity.of(at, wave(at, 1))
    assert found(beat, beat, seconds=8).confidence < 1
    assert found(once, once, seconds=8).confidence > 4


def test_a_drift_is_found_and_the_offset_is_that_of_the_middle():
    at, heard = times(90, 25, 0), times(94, 50, 1, start=-2.0)
    seen = Activity.of(at, wave(at, 5))
    late = 0.3 + 0.001 * (heard - 45)
    offset = found(seen, Activity.of(heard, wave(heard - late, 5)), seconds=90)
    assert late_by(offset) == pytest.approx(0.3, abs=0.004)
    assert offset.drift == pytest.approx(0.001, abs=5e-5)
    assert offset.confidence > 5


def test_without_a_drift_there_is_none_rather_than_a_small_one():
    at, heard = times(60, 25, 0), times(64, 50, 1, start=-2.0)
    seen, other = Activity.of(at, wave(at, 5)), Activity.of(heard, wave(heard + 0.1, 5))
    offset = found(seen, other, seconds=60)
    assert offset.drift == 0
    assert late_by(offset) == pytest.approx(-0.1, abs=0.004)
    assert found(video(0), track(0, 0)).drift is None


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (Activity.of(np.empty(0), np.empty((0, 1))), "too-short"),
        (Activity.of(np.arange(20) / 25, np.arange(20)), "too-short"),
        (Activity.of(np.arange(150) / 25, np.zeros(150)), "nothing-moves"),
        (Activity.of(np.arange(150) / 25, np.full(150, np.nan)), "too-short"),
    ],
)
def test_what_cannot_be_compared_says_why(seen, reason):
    assert found(seen, track(0, 0)).absent == reason


def test_a_channel_that_hardly_moves_counts_as_little():
    at, heard = times(6, 25, 0), times(10, 50, 1, start=-2.0)
    jitter = np.random.default_rng(2).normal(size=len(at)) * 1e-4
    seen = Activity.of(at, np.stack([wave(at, 7), jitter], 1))
    other = Activity.of(heard, np.stack([wave(heard - 0.1, 7), wave(heard, 9)], 1))
    span, most = Span(Fraction(0), Fraction(6)), 1.0
    alone = compare(
        Activity.of(at, wave(at, 7)),
        Activity.of(heard, wave(heard - 0.1, 7)),
        BAND,
        span=span,
        max_offset_seconds=most,
    )
    weighed = compare(
        seen, other, BAND, span=span, max_offset_seconds=most, least=np.array([0.01, 0.01])
    )
    assert weighed.confidence == pytest.approx(alone.confidence, rel=0.01)
    assert late_by(weighed) == pytest.approx(0.1, abs=0.005)


def test_the_correlation_of_a_thing_with_itself_is_one_at_no_lag():
    at = times(6, 50, 0)
    first, values = even(Activity.of(at, wave(at, 0)), step_seconds=0.01)
    values = lively(values, step_seconds=0.01, fine_seconds=0.02, coarse_seconds=0.3)
    curve = correlation((first, values), (first, values), step_seconds=0.01, reach_seconds=1)
    peak = highest(curve, max_offset_seconds=1)
    assert peak is not None
    assert peak.height == pytest.approx(1, abs=1e-6)
    assert peak.seconds == pytest.approx(0, abs=1e-9)
    assert np.nanmax(np.abs(curve.values)) <= 1
