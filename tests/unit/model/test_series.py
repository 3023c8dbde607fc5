"""Values on a video's clock."""

from fractions import Fraction

import numpy as np
import pytest

from curator.model.series import Series
from curator.model.span import Span

TB = Fraction(1001, 30000)


def series(n: int = 10) -> Series:
    return Series(np.arange(n), TB, np.arange(n, dtype=np.float32))


def test_within_is_exact_and_half_open() -> None:
    inside = series().within(Span(3 * TB, 6 * TB))
    assert inside.values.tolist() == [3, 4, 5]
    assert inside.time(0) == 3 * TB


def test_the_first_sample_can_be_left_out() -> None:
    assert series().within(Span(3 * TB, 6 * TB), skip_first=True).values.tolist() == [4, 5]
    assert len(series().within(Span(3 * TB, 4 * TB), skip_first=True)) == 0


def test_parts_join_to_the_whole() -> None:
    whole = series()
    parts = [whole.within(Span(Fraction(0), 4 * TB)), whole.within(Span(4 * TB, 20 * TB))]
    assert Series.join(parts) == whole


def test_times_must_increase() -> None:
    with pytest.raises(ValueError, match="must increase"):
        Series(np.array([1, 1]), TB, np.zeros(2))
    with pytest.raises(ValueError, match="one value per time"):
        Series(np.array([1, 2]), TB, np.zeros(3))
    with pytest.raises(ValueError, match="nothing to join"):
        Series.join([])
