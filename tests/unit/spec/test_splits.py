"""Entries of ``segment.split``: what they may say, and where each mistake is shown."""

from __future__ import annotations

from typing import Any

import pytest

from curator.errors import RecipeErrors
from curator.plan.logical import compile_plan
from curator.plan.physical import make_plan
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe, SplitSpec, When


def recipe(split: Any, **source: Any) -> Recipe:
    return compile_recipe(
        {
            "name": "parts",
            "target": "robotics",
            "sources": {"films": {"url": "a.mp4", "license": "CC0-1.0", **source}},
            "segment": {"split": split},
        }
    )


def reasons(split: Any, **source: Any) -> list[str]:
    with pytest.raises(RecipeErrors) as caught:
        recipe(split, **source)
    return [error.reason for error in caught.value.errors]


REST = {"of": "motion.energy", "dip": 0.3}
LOG = {"sidecars": {"log": "{stem}.csv"}}


def test_an_entry_is_typed_and_its_series_is_planned():
    made = recipe({"rest": {**REST, "floor": 0.01, "when": "long"}})
    assert made.segment.split == {
        "rest": SplitSpec(of="motion.energy", dip=0.3, floor=0.01, when=When.long)
    }
    (check,) = compile_plan(made).checks
    assert (check.name, check.is_bounded) == ("segment.split.rest", False)
    assert "motion" in make_plan(made).nodes


def test_a_track_may_be_asked_by_a_field():
    made = recipe({"open": {"of": "sidecar.log.state.gripper.value", "min": 0.5}}, **LOG)
    assert compile_plan(made).told_roles == {"log"}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"of": "motion.energy"}, "recipe-no-bound"),
        ({"of": "motion.energy", "dip": 0.3, "min": 1}, "recipe-wrong-type"),
        ({"of": "motion.energy", "dip": 1.5}, "recipe-out-of-range"),
        ({"of": "motion.energy", "dip": "30"}, "recipe-out-of-range"),
        ({"of": "motion.energy", "dip": "3s"}, "recipe-wrong-unit"),
        ({"of": "motion.energy", "min": 1, "floor": 0.1}, "recipe-out-of-range"),
        ({"of": "motion.energy", "min": 2, "max": 1}, "recipe-min-above-max"),
        ({"of": "motion.energy.median", "dip": 0.3}, "recipe-unknown-signal"),
        ({"of": "motion.enrgy", "dip": 0.3}, "recipe-unknown-signal"),
        ({"of": "motoin.energy", "dip": 0.3}, "recipe-unknown-measure"),
        ({"of": "sidecar.log.state.still_share", "max": 1}, "recipe-unknown-signal"),
        ({"of": "motion.energy", "dip": 0.3, "when": "often"}, "recipe-wrong-type"),
        ({"of": "motion.energy", "dips": 0.3}, "recipe-unknown-key"),
        ({"dip": 0.3}, "recipe-missing"),
        ("motion.energy", "recipe-wrong-type"),
    ],
)
def test_each_mistake_has_its_reason(entry: Any, reason: str):
    assert reason in reasons({"rest": entry}, **LOG)


def test_a_track_that_no_source_has_is_a_mistake():
    entry = {"of": "sidecar.logs.state.value", "min": 0.5}
    assert reasons({"open": entry}, **LOG) == ["recipe-unknown-sidecar"]


def test_names_are_names_and_the_section_is_a_map():
    assert reasons({"2nd": REST}) == ["recipe-bad-name"]
    assert reasons([REST]) == ["recipe-wrong-type"]


def test_what_parts_clips_changes_no_cost_and_no_other_pass():
    plain = make_plan(recipe({})).document()["passes"]
    parted = make_plan(recipe({"rest": {"of": "luma.mean", "dip": 0.3}})).document()["passes"]
    assert [one["scope"] for one in plain] == [one["scope"] for one in parted]
