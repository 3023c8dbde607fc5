"""Where stretches part: known boundaries are found, and laws hold on any series."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.model.series import Series
from curator.model.span import Span
from curator.model.video import FrameTable
from curator.segment.split import TOO_LONG, Cut, Dips, Pauses, last_at, parts

F = Fraction
FPS = 25
RATE = 8


def table_of(seconds: float) -> FrameTable:
    n = round(seconds * FPS)
    ticks = np.arange(n, dtype=np.int64)
    return FrameTable(ticks, np.zeros(n, np.bool_), np.ones(n, np.int64), F(1, FPS), n)


def series_of(values: np.ndarray) -> Series:
    return Series(np.arange(len(values), dtype=np.int64), F(1, RATE), values.astype(np.float32))


def work(seconds: float, rests: tuple[float, ...], *, low: float = 0.02) -> Series:
    """Motion of 0.2 that falls to `low` for about half a second around each rest."""
    times = np.arange(round(seconds * RATE)) / RATE
    values = np.full(len(times), 0.2)
    for rest in rests:
        values[np.abs(times - rest) <= 0.3] = low
    return series_of(values)


def split(
    way: Dips | Pauses | tuple[Dips | Pauses, ...],
    seconds: float,
    shortest: str = "1.8",
    longest: str = "20",
) -> tuple[list[Span], list[Cut]]:
    table = table_of(seconds)
    ways = way if isinstance(way, tuple) else (way,)
    found, cuts = parts((0, len(table)), table, ways, F(shortest), F(longest))
    return [Span(table.time(i), table.time(j)) for i, j in found], cuts


def dips(series: Series, ratio: float = 0.3, **given: object) -> Dips:
    return Dips(name="rest", series=series, ratio=ratio, **given)  # type: ignore[arg-type]


def test_a_rest_between_two_moves_parts_them_where_it_is():
    found, (cut,) = split(dips(work(10, (4.5,))), 10)
    assert len(found) == 2
    assert float(cut.at) == pytest.approx(4.5, abs=1 / RATE)
    assert found[0].end == found[1].start == cut.at
    assert (cut.by, cut.peaks) == ("rest", (pytest.approx(0.2), pytest.approx(0.2)))
    assert cut.value == pytest.approx(0.02)


def test_motion_that_never_rests_stays_one_clip():
    times = np.arange(10 * RATE) / RATE
    wavy = series_of(0.2 + 0.08 * np.sin(times * 3))
    assert split(dips(wavy), 10) == ([Span(F(0), F(10))], [])


def test_the_end_of_motion_is_no_rest_between_two_moves():
    values = np.full(10 * RATE, 0.2)
    values[-2 * RATE :] = 0
    assert len(split(dips(series_of(values)), 10)[0]) == 1


def test_a_dip_is_measured_against_the_lower_of_its_peaks():
    values = np.full(12 * RATE, 0.2)
    values[4 * RATE : 5 * RATE] = 0.05
    values[5 * RATE :] = 0.1
    assert len(split(dips(series_of(values), 0.4), 12)[0]) == 1
    assert len(split(dips(series_of(values), 0.5), 12)[0]) == 2


def test_two_lows_of_one_rest_part_once_at_the_deeper_one():
    values = np.full(10 * RATE, 0.2)
    values[4 * RATE : 5 * RATE] = [0.03, 0.03, 0.06, 0.06, 0.05, 0.02, 0.02, 0.04]
    found, (cut,) = split(dips(series_of(values)), 10)
    assert len(found) == 2
    assert 4.6 < cut.at < 4.8


def test_what_is_below_the_floor_has_no_dips():
    noise = series_of(np.tile([0.004, 0.0005], 40))
    assert len(split(dips(noise), 10)[0]) > 1
    assert split(dips(noise, floor=0.006), 10)[1] == []


def test_no_clip_becomes_too_short_and_the_deeper_rest_wins():
    series = work(10, (1.0, 5.0, 6.2, 9.0))
    deeper = series.values.copy()
    deeper[int(6.2 * RATE)] = 0.001
    found, (cut,) = split(dips(series_of(deeper)), 10)
    assert float(cut.at) == pytest.approx(6.2, abs=0.15)
    assert [float(one.seconds) >= 1.8 for one in found] == [True, True]


def test_samples_without_a_value_say_nothing():
    values = work(10, (4.5,)).values.copy()
    values[4 * RATE : 4 * RATE + 3] = np.nan
    (cut,) = split(dips(series_of(values)), 10)[1]
    assert 4.3 < cut.at < 5
    assert split(dips(series_of(np.full(80, np.nan))), 10)[1] == []


def test_an_open_gripper_parts_in_the_middle_and_not_at_the_ends():
    spans = (Span(F(0), F(2)), Span(F(5), F(8)), Span(F(11), F(12)))
    found, (cut,) = split(Pauses(name="open", spans=spans), 12)
    assert cut == Cut(at=F("6.48"), by="open", inside=Span(F(5), F(8)))  # of 6.5 the frame before
    assert [one.start for one in found] == [0, cut.at]


def test_earlier_ways_have_precedence():
    open_gripper = Pauses(name="open", spans=(Span(F(4), F(6)),))
    rest = dips(work(12, (4.0, 9.0)))
    _, cuts = split((open_gripper, rest), 12)
    assert [cut.by for cut in cuts] == ["open", "rest"]
    assert [round(float(cut.at)) for cut in cuts] == [5, 9]


def test_only_what_is_too_long_is_cut_by_a_way_for_that_and_at_its_deepest_rest():
    rest = dips(work(18, (5.0,)), only_long=True)
    assert split(rest, 18)[1] == []
    long = work(30, (6.0, 14.0)).values.copy()
    long[14 * RATE] = 0.001
    found, (cut,) = split(dips(series_of(long), only_long=True), 30)
    assert float(cut.at) == pytest.approx(14, abs=0.15)
    assert [float(one.seconds) <= 20 for one in found] == [True, True]


def test_without_a_rest_what_is_too_long_is_cut_into_equal_parts():
    found, cuts = split(dips(work(45, (4.0,))), 45)
    assert [cut.by for cut in cuts] == ["rest", TOO_LONG, TOO_LONG]
    assert [float(one.seconds) for one in found] == pytest.approx([4, 13.7, 13.7, 13.7], abs=0.2)


values = st.lists(st.floats(0, 1, width=16), min_size=0, max_size=120)


@given(values, st.sampled_from([0.2, 0.5, 0.8]), st.sampled_from([2, 5]), st.booleans())
def test_parts_tile_the_stretch_and_keep_their_bounds(
    numbers: list[float], ratio: float, longest: int, is_long: bool
):
    way = dips(series_of(np.array(numbers, np.float32)), ratio, only_long=is_long)
    found, cuts = split(way, 12, "0.5", str(longest))
    assert found[0].start == 0
    assert found[-1].end == 12
    assert all(a.end == b.start for a, b in pairwise(found))
    assert all(F("0.5") <= one.seconds <= longest for one in found)
    assert [cut.at for cut in cuts] == [one.start for one in found[1:]]
    for cut in cuts:
        if cut.peaks is not None:
            assert cut.value <= ratio * min(cut.peaks)


@given(values)
def test_a_mirrored_series_dips_at_the_mirrored_times(numbers: list[float]):
    """Peaks of both sides are found alike; ties go to the first, so values are made distinct."""
    distinct = np.array(numbers, np.float64) + np.arange(len(numbers)) * 1e-6 + 1e-3
    ahead = _dip_values(distinct)
    assert sorted(ahead) == sorted(_dip_values(distinct[::-1]))


def _dip_values(series: np.ndarray) -> list[tuple[float, float]]:
    seconds = len(series) / RATE
    _, cuts = split(dips(series_of(series), 0.5), max(seconds, 1), "0.01", "999")
    return [(cut.value, min(cut.peaks)) for cut in cuts if cut.peaks and cut.value is not None]


def test_a_frame_is_found_by_its_time():
    table = table_of(2)
    assert [last_at(F(at), table) for at in ("0", "0.05", "1.99", "2", "5")] == [0, 1, 49, 50, 50]
