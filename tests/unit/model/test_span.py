"""Exact, half-open time."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.model.span import Span, intersection, subtract, total_seconds, union

SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 10)).map(
        lambda pair: Span(Fraction(pair[0], 3), Fraction(pair[0] + pair[1], 3))
    ),
    max_size=6,
)


def instants(spans: tuple[Span, ...] | list[Span]) -> set[Fraction]:
    """Every third of a second in `spans`: enough, since all ends lie on thirds."""
    return {Fraction(i, 3) for i in range(60) if any(Fraction(i, 3) in span for span in spans)}


def test_an_empty_span_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        Span(Fraction(3), Fraction(3))


def test_spans_that_meet_do_not_overlap() -> None:
    cut = Fraction(1001 * 60, 30000)
    a, b = Span(Fraction(0), cut), Span(cut, Fraction(5))
    assert not a.overlaps(b)
    assert a.seconds + b.seconds == 5
    assert cut in b
    assert cut not in a


@given(SPANS)
def test_union_is_sorted_disjoint_and_covers_the_same(spans: list[Span]) -> None:
    merged = union(spans)
    assert instants(merged) == instants(spans)
    assert all(a.end < b.start for a, b in itertools.pairwise(merged))
    assert total_seconds(spans) == Fraction(len(instants(spans)), 3)


@given(SPANS, SPANS)
def test_intersection_and_subtraction_are_those_of_sets(
    left: list[Span], right: list[Span]
) -> None:
    assert instants(intersection(left, right)) == instants(left) & instants(right)
    assert instants(subtract(left, right)) == instants(left) - instants(right)
