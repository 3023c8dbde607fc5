"""Cutting a cascade into passes."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.plan.logical import LogicalPlan, compile_plan
from curator.plan.optimise import Prices, Step, cascade, cut, price
from curator.plan.physical import structure
from curator.spec.recipe import Condition, Recipe, SegmentSpec

STEPS = st.lists(
    st.builds(
        Step,
        name=st.uuids().map(str),
        cost=st.floats(0.001, 2),
        looks=st.booleans(),
        frames=st.floats(0.01, 1),
        clips=st.floats(0.01, 1),
        decides_frames=st.booleans(),
    ),
    max_size=5,
).map(lambda steps: sorted(steps, key=lambda step: not step.decides_frames))


@settings(deadline=None)
@given(steps=STEPS, alive=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), decode=st.floats(0, 1))
def test_no_other_way_to_cut_the_order_is_cheaper(
    steps: list[Step], alive: tuple[float, float], decode: float
) -> None:
    best = price(cut(steps, alive=alive, decode=decode), alive=alive, decode=decode)
    for marks in itertools.product([False, True], repeat=len(steps)):
        groups: list[list[Step]] = [[]]
        for step, begins in zip(steps, marks, strict=True):
            if begins:
                groups.append([])
            groups[-1].append(step)
        assert best <= price(groups, alive=alive, decode=decode) + 1e-9


@settings(deadline=None)
@given(steps=STEPS)
def test_cutting_keeps_every_step_in_order(steps: list[Step]) -> None:
    groups = cut(steps, alive=(0.5, 0.5), decode=0.2)
    assert [step for group in groups for step in group] == steps


def test_a_dear_measure_waits_for_a_selective_one() -> None:
    face = Step("face", 0.3, looks=True, frames=0.05, clips=1, decides_frames=True)
    dover = Step("dover", 5.0, looks=True, frames=1, clips=0.5, decides_frames=False)
    assert cut([face, dover], alive=(0.4, 0.8), decode=0.2) == [(), (face,), (dover,)]


def test_nothing_waits_when_nothing_falls() -> None:
    step = Step("face", 0.1, looks=True, frames=1, clips=1, decides_frames=True)
    assert cut([step], alive=(1.0, 1.0), decode=0.2) == [(step,)]


@pytest.mark.parametrize("looks", [True, False])
def test_sound_alone_is_not_charged_for_decoding_pictures(looks: bool) -> None:
    step = Step("speech", 0.1, looks=looks, frames=1, clips=1, decides_frames=False)
    total = price([(), (step,)], alive=(0.5, 1.0), decode=0.2)
    assert total == pytest.approx(0.5 * (0.1 + (0.2 if looks else 0)))


def plan_of(expect: float | None) -> LogicalPlan:
    """A cheap look decides frames, and a dear one decides them again."""
    bound = {"min": 0.5, "expect": expect}
    return compile_plan(
        Recipe(
            name="r",
            target="t",
            sources={},
            segment=SegmentSpec(
                where={
                    "seen": Condition(of="glimpse.inside", **bound),
                    "whole": Condition(of="pose.inside", min=0.5),
                }
            ),
        )
    )


def test_what_a_recipe_expects_orders_the_passes():
    assert "pose" in cascade(plan_of(0.9), Prices.declared())[0], "hardly anything falls"
    first, *later = cascade(plan_of(0.1), Prices.declared())
    assert "glimpse" in first
    assert [list(group) for group in later] == [["pose"]]


def test_what_was_learnt_counts_more_than_what_was_expected():
    learnt = Prices(cost=lambda node: node.measure.cost, rate=lambda _: 0.95)
    assert len(cascade(plan_of(0.1), learnt)) == 1


def test_an_expectation_is_no_part_of_what_is_judged():
    ours, theirs = plan_of(0.1), plan_of(None)
    assert structure(ours) == structure(theirs)
    assert [c.document() for c in ours.checks] == [c.document() for c in theirs.checks]
