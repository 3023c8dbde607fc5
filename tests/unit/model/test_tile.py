"""The grid on which videos are measured."""

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from curator.model.span import Span
from curator.model.tile import TileRange, Tiles, tile_of, tile_span

SETS = st.sets(st.integers(0, 30))


@given(SETS, SETS)
def test_tiles_are_sets(left: set[int], right: set[int]) -> None:
    a, b = Tiles.of(left), Tiles.of(right)
    assert set(a | b) == left | right
    assert set(a & b) == left & right
    assert set(a - b) == left - right
    assert len(a) == len(left)
    assert bool(a) == bool(left)


@given(SETS)
def test_ranges_do_not_touch(indices: set[int]) -> None:
    ranges = Tiles.of(indices).ranges
    assert all(a.last < b.first for a, b in itertools.pairwise(ranges))


def test_a_span_that_ends_on_a_tile_does_not_reach_into_the_next() -> None:
    assert Tiles.covering([Span(Fraction(4), Fraction(8))]) == Tiles((TileRange(1, 2),))
    assert list(Tiles.covering([Span(Fraction(39, 10), Fraction(81, 10))])) == [0, 1, 2]


def test_an_instant_lies_in_its_tile() -> None:
    for k in range(50):
        instant = Fraction(k, 3)
        assert instant in tile_span(tile_of(instant))
