"""Idle runs of tracks in which it is known when nothing moved."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.align.still import STEP_SECONDS, Stillness, rest_ahead, still_runs, still_seconds
from curator.model.series import Series
from curator.model.span import Span

RULE = Stillness(change=0.015, seconds=Fraction("0.46"))


def planted(
    rate: int, idle: list[tuple[float, float]], *, seconds: float = 10, noise: float = 0.0
) -> Series:
    """Three joints that turn at 0.5 rad/s and more, except in `idle`."""
    times = np.arange(round(seconds * rate)) / rate
    moved = times - sum(np.clip(times - a, 0, b - a) for a, b in idle)
    values = np.stack([0.5 * moved, 2 - moved, 0.7 * moved], axis=1)
    values += noise * np.random.default_rng(1).standard_normal(values.shape)
    return Series(np.arange(len(times)), Fraction(1, rate), values)


@pytest.mark.parametrize("rate", [5, 15, 30, 100, 1000])
def test_planted_runs_are_found_at_any_rate(rate: int) -> None:
    idle = [(1.0, 3.0), (4.0, 5.2), (9.0, 10.0)]
    found = still_runs(planted(rate, idle), RULE)
    step = float(max(STEP_SECONDS, Fraction(1, rate)))
    assert len(found) == len(idle)
    for run, (start, end) in zip(found, idle, strict=True):
        assert float(run.start) == pytest.approx(start, abs=1.001 * step)
        assert float(run.end) == pytest.approx(end, abs=1.001 * step)


def test_a_short_rest_is_no_run() -> None:
    assert still_runs(planted(30, [(2.0, 2.3)]), RULE) == ()


def test_a_sensor_that_trembles_stands_still_all_the_same() -> None:
    """Row by row 0.0001 rad of noise would be 0.1 rad/s at 1000 Hz."""
    (run,) = still_runs(planted(1000, [(1.0, 3.0)], noise=1e-4), RULE)
    assert 1.9 < run.seconds < 2.1


def openpi(actions: npt.NDArray[np.float64], least: int = 7) -> set[int]:
    """Steps that openpi's filter for DROID leaves out as idle, after its own code."""
    idle = np.hstack([[False], np.all(np.abs(actions[1:] - actions[:-1]) < 1e-3, axis=1)])
    out: set[int] = set()
    begin = 0
    for at in range(1, len(idle) + 1):
        if at == len(idle) or idle[at] != idle[begin]:
            if idle[begin] and at - begin >= least:
                out |= set(range(begin, at))
            begin = at
    return out


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 12)), min_size=1, max_size=12),
    st.integers(0, 99),
)
def test_at_15_hz_the_rule_is_that_of_openpi(parts: list[tuple[bool, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    jumps = np.concatenate([np.full(count, not still) for still, count in parts])
    steps = jumps[:, None] * rng.uniform(0.002, 0.5, (len(jumps), 2))
    steps += ~jumps[:, None] * rng.uniform(-0.0009, 0.0009, (len(jumps), 2))
    actions = np.cumsum(steps, axis=0)
    series = Series(np.arange(len(actions)), Fraction(1, 15), actions)
    found = {
        step
        for run in still_runs(series, RULE)
        for step in range(round(run.start * 15) + 1, round(run.end * 15) + 1)
    }
    assert found == openpi(actions)


def test_the_rate_of_nanosecond_stamps_is_the_same() -> None:
    exact = planted(15, [(1.0, 3.0)])
    stamps = np.array([round(int(tick) * 10**9 / 15) for tick in exact.ticks])
    (run,) = still_runs(Series(stamps, Fraction(1, 10**9), exact.values), RULE)
    (right,) = still_runs(exact, RULE)
    assert float(run.start) == pytest.approx(float(right.start), abs=1e-8)
    assert float(run.end) == pytest.approx(float(right.end), abs=1e-8)


def test_what_is_missing_is_not_known_to_stand_still() -> None:
    series = planted(30, [(1.0, 5.0)])
    series.values[90, 1] = np.nan  # at 3 s
    first, second = still_runs(series, RULE)
    assert first.end < 3 < second.start


def test_nothing_is_known_across_a_hole() -> None:
    series = planted(30, [(1.0, 9.0)])
    rest = np.r_[0:90, 180:300]  # nothing was recorded from 3 to 6 s
    series = Series(series.ticks[rest], series.time_base, series.values[rest])
    first, second = still_runs(series, RULE)
    assert first.end < 3
    assert second.start == 6
    lengths = still_seconds(series, RULE)
    assert np.isnan(lengths.within(Span(Fraction(89, 30), Fraction(6))).values).all()


def test_each_moment_knows_how_long_its_run_is() -> None:
    lengths = still_seconds(planted(10, [(2.0, 5.0)]), RULE)

    def at(seconds: float) -> npt.NDArray[np.generic]:
        here = Fraction(str(seconds))
        return lengths.within(Span(here, here + Fraction(1, 10))).values

    assert at(1.9) == [0]
    assert at(2.0) == at(4.9) == [3.0]
    assert at(5.0) == [0]


def test_before_and_after_a_track_nothing_is_known() -> None:
    lengths = still_seconds(planted(10, [(8.0, 10.0)]), RULE)
    assert np.isnan(lengths.values[[0, -1]]).all()
    assert lengths.time(len(lengths) - 1) == 10, "the last row has had its time"
    assert lengths.values[-2] == pytest.approx(1.9)


@pytest.mark.parametrize("count", [0, 1])
def test_a_track_that_is_no_movement_says_nothing(count: int) -> None:
    series = Series(np.arange(count), Fraction(1, 10), np.zeros((count, 2)))
    assert still_runs(series, RULE) == ()
    assert len(still_seconds(series, RULE)) == 0


def test_each_moment_knows_how_long_it_is_until_the_next_rest() -> None:
    ahead = rest_ahead(planted(10, [(2.0, 5.0)]), RULE)
    at = {float(ahead.time(k)): float(ahead.values[k]) for k in range(len(ahead))}
    assert [at[t] for t in (0.0, 1.9, 3.0, 5.0, 9.9)] == pytest.approx([2, 0.1, 0, 5, 0.1])
    assert np.isnan(ahead.values[[0, -1]].astype(float)).all()
    assert len(rest_ahead(Series(np.arange(1), Fraction(1, 10), np.zeros((1, 2))), RULE)) == 0
