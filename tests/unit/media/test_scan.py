from __future__ import annotations

from array import array
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curator.media.scan import MISSING, VideoPackets, frame_grid

TICK = Fraction(1, 1000)


def packets(pts: list[int | None], dts: list[int | None] | None = None) -> VideoPackets:
    n = len(pts)
    return VideoPackets(
        pts=array("q", [MISSING if t is None else t for t in pts]),
        dts=array("q", [MISSING if t is None else t for t in dts or [None] * n]),
        durations=array("q", [40] * n),
        sizes=array("q", range(1, n + 1)),
        keyframes=array("b", [i == 0 for i in range(n)]),
        hidden=array("b", [False] * n),
    )


def test_reordered_packets_become_presentation_order_from_zero() -> None:
    grid = frame_grid(packets([100, 220, 140, 180], [60, 100, 140, 180]), time_base=TICK, fps=None)
    assert grid.table.ticks.tolist() == [0, 40, 80, 120]
    assert grid.table.sizes.tolist() == [1, 3, 4, 2]
    assert grid.table.end_tick == 160
    assert (grid.first_pts, grid.notes, grid.packet_ticks) == (100, (), None)


def test_a_clock_that_restarts_is_continued() -> None:
    pts: list[int | None] = [0, 40, 80, 0, 40, 80]
    grid = frame_grid(packets(pts, list(pts)), time_base=TICK, fps=None)
    assert grid.table.ticks.tolist() == [0, 40, 80, 120, 160, 200]
    assert grid.notes == ("pts-jump",)
    assert grid.packet_ticks is not None
    assert grid.packet_ticks.tolist() == [0, 40, 80, 120, 160, 200]


def test_a_clock_that_leaps_by_hours_does_not_make_a_day_of_video() -> None:
    leap = 10 * 3600 * 1000
    pts: list[int | None] = [0, 40, leap, leap + 40]
    grid = frame_grid(packets(pts, list(pts)), time_base=TICK, fps=None)
    assert grid.table.ticks.tolist() == [0, 40, 80, 120]


def test_a_pause_of_minutes_in_a_variable_rate_recording_is_kept() -> None:
    pts: list[int | None] = [0, 40, 600_000]
    assert frame_grid(packets(pts, list(pts)), time_base=TICK, fps=None).table.ticks[2] == 600_000


def test_packets_without_times_count_frames() -> None:
    grid = frame_grid(packets([None] * 4), time_base=TICK, fps=Fraction(25))
    assert grid.table.ticks.tolist() == [0, 40, 80, 120]
    assert grid.notes == ("missing-pts",)


def test_the_same_time_twice_is_told_apart() -> None:
    grid = frame_grid(packets([0, 40, 40, 80]), time_base=TICK, fps=None)
    assert grid.table.ticks.tolist() == [0, 40, 41, 80]
    assert grid.notes == ("pts-not-monotonic",)


def test_hidden_packets_are_no_frames() -> None:
    found = packets([0, 0, 40])
    found.hidden[1] = True
    grid = frame_grid(found, time_base=TICK, fps=None)
    assert grid.table.ticks.tolist() == [0, 40]
    assert grid.notes == ()


times = st.one_of(st.none(), st.integers(-(10**6), 10**10))


@given(st.lists(st.tuples(times, times), min_size=1, max_size=40))
def test_whatever_the_file_says_the_grid_increases_from_zero(
    stamps: list[tuple[int | None, int | None]],
) -> None:
    found = packets([p for p, _ in stamps], [d for _, d in stamps])
    grid = frame_grid(found, time_base=TICK, fps=Fraction(25))
    assert grid.table.ticks[0] == 0
    assert np.all(np.diff(grid.table.ticks) > 0)
    assert grid.table.end_tick > grid.table.ticks[-1]
    if grid.packet_ticks is not None:
        assert sorted(grid.packet_ticks.tolist()) == grid.table.ticks.tolist()
