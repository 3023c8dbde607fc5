"""How much of a kind is enough."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.select.quota import over_quota, share_cap

GROUPS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 20)), max_size=40)
SHARES = st.fractions(Fraction(1, 20), Fraction(19, 20))


def test_seconds_are_never_exceeded_and_shorter_clips_fill_up() -> None:
    over = over_quota("aaab", [Fraction(n) for n in (6, 5, 3, 9)], max_seconds=Fraction(9))
    assert over == {1: -2.0}


def test_clips_are_counted() -> None:
    assert over_quota("abaa", [Fraction(1)] * 4, max_clips=1) == {2: -1.0, 3: -1.0}


def test_a_share_is_of_what_is_left() -> None:
    groups = "a" * 80 + "b" * 12 + "c" * 12
    over = over_quota(groups, [Fraction(1)] * len(groups), max_share=Fraction(2, 5))
    left = [group for number, group in enumerate(groups) if number not in over]
    assert {group: left.count(group) for group in "abc"} == {"a": 16, "b": 12, "c": 12}


def test_a_share_that_too_few_groups_can_meet_makes_them_equal() -> None:
    over = over_quota("aaaab", [Fraction(1)] * 5, max_share=Fraction(1, 10))
    assert sorted(over) == [1, 2, 3]
    assert over_quota("aaa", [Fraction(1)] * 3, max_share=Fraction(1, 10)) == {}
    assert over_quota("", [], max_share=Fraction(1, 2)) == {}


@given(GROUPS, SHARES)
def test_a_share_is_met_to_within_one_clip(members: list[tuple[str, int]], share: Fraction) -> None:
    groups = [group for group, _ in members]
    seconds = [Fraction(length) for _, length in members]
    over = over_quota(groups, seconds, max_share=share)
    left = [number for number in range(len(members)) if number not in over]
    totals = {
        group: sum(s for g, s in zip(groups, seconds, strict=True) if g == group)
        for group in set(groups)
    }
    cap = share_cap(totals, share)
    for group in totals:
        kept = sum(seconds[number] for number in left if groups[number] == group)
        assert kept < cap + 20
        assert kept >= min(cap, totals[group]) or kept == totals[group]
    assert set(groups) == {groups[number] for number in left}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 50), min_size=1), SHARES)
def test_the_cap_solves_its_own_equation(totals: dict[str, int], share: Fraction) -> None:
    cap = share_cap({group: Fraction(total) for group, total in totals.items()}, share)
    whole = sum(min(Fraction(total), cap) for total in totals.values())
    assert cap <= max(share, Fraction(1, len(totals))) * whole or cap >= max(totals.values())
    assert cap > 0


@pytest.mark.parametrize("limit", [{"max_seconds": Fraction(5)}, {"max_clips": 2}])
def test_every_margin_is_below_zero(limit: dict[str, Fraction | int]) -> None:
    over = over_quota("a" * 8, [Fraction(2)] * 8, **limit)  # type: ignore[arg-type]
    assert len(over) == 6
    assert all(margin < 0 for margin in over.values())
