"""Statistics of a series inside a clip."""

from fractions import Fraction

import numpy as np
import pytest

from curator.model.series import Series
from curator.plan.statistics import STATISTICS, statistic
from curator.spec.operand import STATISTICS as NAMES


def series(*values: float) -> Series:
    return Series(np.arange(len(values)), Fraction(1, 25), np.array(values, np.float32))


def test_every_statistic_that_a_recipe_may_name_can_be_computed() -> None:
    assert set(STATISTICS) == set(NAMES)
    assert all(statistic(series(1, 2, 3), name).value is not None for name in NAMES)


def test_frames_without_a_value_are_left_out() -> None:
    assert statistic(series(1, np.nan, 3), "mean").value == pytest.approx(2)


def test_share_counts_what_is_not_zero() -> None:
    assert statistic(series(0, 1, 1, 0), "share").value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("given", "absent"),
    [(None, "no-samples"), (series(), "no-samples"), (series(np.nan), "no-value")],
)
def test_nothing_to_count_is_a_reason_rather_than_a_number(
    given: Series | None, absent: str
) -> None:
    assert statistic(given, "mean").absent == absent
