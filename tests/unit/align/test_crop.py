from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.align.crop import Following, _taut, followed, still
from curator.align.subject import Area, body_boxes, boxes, picture_area
from curator.model.series import Series
from curator.model.span import Span
from curator.model.video import FrameTable, VideoStream

SPAN = Span(Fraction(2), Fraction(6))
AREA = Area(0, 0, 1280, 720)
CALM = Following(aspect=1.0, margin=0.5, slack=0.08, smooth_seconds=0.6)
VIDEO = VideoStream(
    index=0,
    codec="h264",
    width_px=1280,
    height_px=720,
    sample_aspect=Fraction(1),
    rotation_degrees=0,
    pixel_format="yuv420p",
    bit_depth=8,
    interlaced=False,
    time_base=Fraction(1, 25),
    fps_from_header=25,
    color_primaries=None,
    color_transfer=None,
    color_space=None,
    color_range=None,
    num_frames_from_header=None,
    duration_seconds_from_header=None,
)


def table(fps: int = 25, seconds: int = 8) -> FrameTable:
    count = fps * seconds
    return FrameTable(
        ticks=np.arange(count, dtype=np.int64),
        keyframes=np.ones(count, np.bool_),
        sizes=np.ones(count, np.int64),
        time_base=Fraction(1, fps),
        end_tick=count,
    )


def subject(places: Any, *, keep: Any = None) -> Series:
    """Eight samples a second of ``(x, y, width, height)`` over the span."""
    values = np.array(places, np.float64)
    ticks = 16 + np.arange(len(values), dtype=np.int64)
    if keep is not None:
        values, ticks = values[keep], ticks[keep]
    return Series(ticks, Fraction(1, 8), values)


def at(x: Any, y: Any, side: float = 160) -> np.ndarray:
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    return np.stack([x, y, np.full(x.shape, side), np.full(x.shape, side)], axis=1)


T = np.arange(32) / 8


def middles(path: Any) -> np.ndarray:
    values = path.values
    return np.asarray(values[:, :2] + values[:, 2:] / 2)


places = st.lists(
    st.tuples(st.floats(-50, 1330), st.floats(-50, 770), st.floats(5, 900), st.floats(5, 900)),
    min_size=1,
    max_size=32,
)


@given(places, st.sampled_from([0.5, 1.0, 16 / 9]), st.floats(0, 1), st.floats(0, 2))
def test_a_crop_never_leaves_the_picture_and_has_one_even_size(
    found: Any, aspect: float, slack: float, smooth: float
) -> None:
    area = Area(0, 91.5, 1280, 628.25)
    how = Following(aspect=aspect, margin=0.3, slack=slack, smooth_seconds=smooth)
    values = followed(subject(found), SPAN, table(), area, how).values
    assert len(values) == 100
    assert (values[:, 0] >= area.left).all()
    assert (values[:, 1] >= area.top).all()
    assert (values[:, 0] + values[:, 2] <= area.right).all()
    assert (values[:, 1] + values[:, 3] <= area.bottom).all()
    assert (values[:, 2:] == values[0, 2:]).all()
    assert (values[0, 2:] % 2 == 0).all()


def test_a_detector_that_trembles_leaves_the_crop_alone() -> None:
    rng = np.random.default_rng(5)
    shaky = at(640 + rng.normal(0, 5, 32), 300 + rng.normal(0, 5, 32))
    path = followed(subject(shaky), SPAN, table(), AREA, CALM)
    assert len(np.unique(path.values, axis=0)) == 1
    assert (path.values[0] % 2 == 0).all()  # nothing is interpolated
    assert middles(path)[0] == pytest.approx((640, 300), abs=12)


def test_a_walk_is_followed_evenly_and_without_delay() -> None:
    walk = at(300 + 150 * T, 360)
    for series in (subject(walk), subject(walk, keep=np.r_[0:10, 18:32])):
        found = middles(followed(series, SPAN, table(), AREA, CALM))
        truth = np.interp(2 + np.arange(100) / 25, 2 + T, 300 + 150 * T)
        inner = slice(20, 80)
        assert np.abs(found[:, 0] - truth).max() <= 0.12 * 320
        # As far ahead of the subject as behind it: a causal filter would be late.
        assert np.mean(found[inner, 0] - truth[inner]) == pytest.approx(0, abs=4)
        assert np.abs(np.diff(found[:, 0], 2)).max() < 0.6
        assert np.ptp(found[:, 1]) == 0


def test_a_sample_that_is_elsewhere_does_not_pull_the_crop() -> None:
    spoilt = at(np.full(32, 400), 300)
    spoilt[[7, 19, 20]] = (1100, 100, 60, 60)
    path = followed(subject(spoilt), SPAN, table(), AREA, CALM)
    assert np.abs(middles(path) - (400, 300)).max() <= 2


def test_the_subject_stays_inside_with_its_margin_wherever_it_goes() -> None:
    rng = np.random.default_rng(2)
    x = 640 + 350 * np.sin(T * 1.5) + rng.normal(0, 4, 32)
    y = 360 + 120 * np.sin(T * 2.2)
    series = subject(at(x, y))
    path = followed(series, SPAN, table(), AREA, CALM)
    frames = path.boxes.seconds
    for axis, truth in ((0, x), (1, y)):
        here = np.interp(frames, series.seconds, truth)
        low = path.values[:, axis]
        assert (here - 80 >= low).all()
        assert (here + 80 <= low + path.values[:, axis + 2]).all()


def test_a_subject_at_the_edge_is_shown_with_less_margin_on_that_side() -> None:
    path = followed(subject(at(np.full(32, 60), 700)), SPAN, table(), AREA, CALM)
    assert path.values[0].tolist() == [0, 400, 320, 320]


def test_a_crop_is_as_large_as_the_subject_and_never_larger_than_the_picture() -> None:
    assert followed(subject(at(T * 0 + 640, 360)), SPAN, table(), AREA, CALM).size == (320, 320)
    large = at(T * 0 + 640, 360, side=500)
    assert followed(subject(large), SPAN, table(), AREA, CALM).size == (720, 720)
    tall = Following(aspect=9 / 16, margin=0.5, slack=0.08, smooth_seconds=0.5)
    assert followed(subject(at(T * 0 + 640, 360)), SPAN, table(), AREA, tall).size == (320, 568)


def test_one_sample_is_enough() -> None:
    path = followed(subject([(500, 300, 100, 100)]), SPAN, table(), AREA, CALM)
    assert (middles(path) == (500, 300)).all()


def test_every_frame_of_the_span_has_a_box_by_its_own_time() -> None:
    span = Span(Fraction(2), Fraction(3))
    frames = table()
    path = followed(subject(at(300 + 150 * T, 360)), span, frames, AREA, CALM)
    assert path.boxes.ticks.tolist() == list(range(50, 75))
    assert path.boxes.time_base == frames.time_base


tubes = st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 30)), min_size=2, max_size=60).map(
    lambda rows: (np.array([a for a, _ in rows]), np.array([a + b for a, b in rows]))
)


@given(tubes)
def test_a_taut_string_stays_in_its_tube_and_moves_least(tube: Any) -> None:
    lower, upper = tube
    path = _taut(lower, upper)
    assert (path >= lower - 1e-6).all()
    assert (path <= upper + 1e-6).all()
    moved = np.abs(np.diff(path)).sum()
    for share in (0, 0.3, 0.5, 1):
        assert moved <= np.abs(np.diff(lower + share * (upper - lower))).sum() + 1e-6
    # A path that moves only when it must moves as little as any, from where it begins.
    least = np.inf
    for start in (*lower, *upper):
        here = float(np.clip(start, lower[0], upper[0]))
        total = 0.0
        for low, high in zip(lower, upper, strict=True):
            total += abs(float(np.clip(here, low, high)) - here)
            here = float(np.clip(here, low, high))
        least = min(least, total)
    assert moved <= least + 1e-6


class TestSubjects:
    def series(self, values: Any, fps: int = 8) -> Series:
        return Series(16 + np.arange(len(values)), Fraction(1, fps), np.array(values, np.float32))

    def test_shares_become_pixels_and_frames_without_a_face_are_left_out(self) -> None:
        nan = np.nan
        shares = {
            "x": self.series([0.5, nan, 0.25]),
            "y": self.series([0.5, nan, 0.5]),
            "width": self.series([0.1, nan, 0.1]),
            "height": self.series([0.2, nan, 0.2]),
        }
        found = boxes(shares, SPAN, VIDEO)
        assert found is not None
        assert found.values.tolist() == pytest.approx(
            np.array([[640, 360, 128, 144], [320, 360, 128, 144]]), abs=1e-3
        )
        assert found.ticks.tolist() == [16, 18]
        assert boxes({}, SPAN, VIDEO) is None
        assert boxes({k: self.series([nan]) for k in shares}, SPAN, VIDEO) is None

    def test_a_body_reaches_from_the_top_of_its_head_to_its_feet(self) -> None:
        points = np.full((1, 33, 3), np.nan)
        points[:] = (600, 400, 1)
        points[:, 7], points[:, 8] = (615, 140, 1), (585, 140, 1)  # ears
        points[:, 11], points[:, 12] = (640, 200, 1), (560, 200, 1)
        points[:, 23], points[:, 24] = (620, 410, 1), (580, 410, 1)
        points[:, 29:33] = (600, 640, 1)
        whole = body_boxes(self.series(points), SPAN, upper=False)
        half = body_boxes(self.series(points), SPAN, upper=True)
        assert whole is not None
        assert half is not None
        assert whole.values[0].tolist() == pytest.approx([600, (95 + 640) / 2, 80, 545], abs=0.01)
        assert half.values[0].tolist() == pytest.approx([600, (95 + 410) / 2, 80, 315], abs=0.01)

    def test_points_that_are_not_seen_do_not_count(self) -> None:
        points = np.full((2, 33, 3), (600.0, 400.0, 0.1))
        points[0, 11:17] = [(500 + 20 * k, 300, 0.9) for k in range(6)]
        found = body_boxes(self.series(points), SPAN, upper=True)
        assert found is None  # a line has no height
        points[0, 13] = (540, 350, 0.9)
        found = body_boxes(self.series(points), SPAN, upper=True)
        assert found is not None
        assert len(found) == 1
        assert found.values[0].tolist() == pytest.approx([550, 325, 100, 50])

    def test_bars_are_the_least_of_the_clip(self) -> None:
        bars = {
            "top": self.series([0.125, 0.13, np.nan, 0.5]),
            "bottom": self.series([0.125, 0.125, np.nan, 0.125]),
            "left": self.series([0, 0, np.nan, 0]),
            "right": self.series([0, 0.2, np.nan, 0]),
        }
        assert picture_area(bars, SPAN, VIDEO) == Area(0, 94, 1280, 626)
        assert picture_area(None, SPAN, VIDEO) == Area(0, 0, 1280, 720)
        nothing = {side: self.series([np.nan]) for side in bars}
        assert picture_area(nothing, SPAN, VIDEO) == Area(0, 0, 1280, 720)

    def test_what_is_picture_stands_still_on_even_pixels(self) -> None:
        path = still(SPAN, table(), Area(0, 93.2, 1279, 627))
        assert np.unique(path.values, axis=0).tolist() == [[0, 94, 1278, 532]]
