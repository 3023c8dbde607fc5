"""The native time grid and what a sampling rate takes from it."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curator.model.video import FrameTable

STEPS = st.lists(st.integers(1, 400), min_size=1, max_size=60)
RATES = st.fractions(min_value=Fraction(1, 3), max_value=60, max_denominator=7)


def table(steps: list[int], time_base: Fraction = Fraction(1, 1000)) -> FrameTable:
    ticks = np.cumsum([0, *steps[:-1]])
    n = len(ticks)
    return FrameTable(
        ticks=ticks,
        keyframes=np.ones(n, np.bool_),
        sizes=np.ones(n, np.int64),
        time_base=time_base,
        end_tick=int(ticks[-1]) + steps[-1],
    )


@given(STEPS, RATES)
def test_each_grid_instant_takes_the_first_frame_at_or_after_it(
    steps: list[int], fps: Fraction
) -> None:
    grid = table(steps)
    wanted = set()
    instant = Fraction(0)
    while instant <= grid.time(len(grid) - 1):
        wanted.add(grid.index_at(instant))
        instant += 1 / fps
    assert grid.select(fps).tolist() == sorted(wanted)


@given(STEPS)
def test_no_rate_takes_every_frame(steps: list[int]) -> None:
    assert table(steps).select(None).tolist() == list(range(len(steps)))


def test_ntsc_rates_do_not_drift() -> None:
    grid = table([1001] * 30_000, Fraction(1, 30_000))
    assert len(grid.select(Fraction(8))) == 8008  # 1001 s
    assert grid.time(len(grid)) == 1001
