"""Conditions on tracks beside the video: what they may ask, and mistakes in them."""

from __future__ import annotations

from typing import Any

import pytest

from curator.errors import RecipeErrors
from curator.plan.physical import PassScope, make_plan
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe, StillSpec
from curator.spec.told import resolve_told

SOURCE = {"url": "films/*.mp4", "license": "CC0-1.0"}
ARM = {**SOURCE, "sidecars": {"arm": "{stem}.csv"}}


def recipe(of: str, source: dict[str, Any] = ARM, **changes: Any) -> Recipe:
    condition = {"of": of, "max": 1, **changes.pop("condition", {})}
    section = {"keep": {"one": condition}}
    if changes.pop("where", False):
        section = {"segment": {"where": {"one": condition}}}
    return compile_recipe(
        {"name": "r", "target": "t", "sources": {"films": source}, **section, **changes}
    )


def mistake(*given: Any, **changes: Any) -> Any:
    with pytest.raises(RecipeErrors) as caught:
        recipe(*given, **changes)
    (error,) = caught.value.errors
    return error


@pytest.mark.parametrize(
    ("of", "track", "per_frame", "unit"),
    [
        ("sidecar.arm.still_share", "sidecar.arm", False, "ratio"),
        ("sidecar.arm.state.longest_still_seconds", "sidecar.arm.state", False, "s"),
        ("sidecar.arm.next.reward.value.mean", "sidecar.arm.next.reward", False, "of the track"),
        ("sidecar.arm.value.share", "sidecar.arm", False, "ratio"),
        ("sidecar.arm.state.still_seconds", "sidecar.arm.state", True, "s"),
        ("sidecar.arm.state.still_seconds.max", "sidecar.arm.state", False, "s"),
    ],
)
def test_a_number_of_a_track_is_found(of: str, track: str, per_frame: bool, unit: str) -> None:
    found = resolve_told(of, StillSpec())
    assert (found.measure, found.per_frame, found.unit) == (track, per_frame, unit)
    assert found.name == of


@pytest.mark.parametrize(
    "of",
    ["sidecar.arm", "sidecar.arm.state", "sidecar.arm.state.median", "sidecar.still_share",
     "sidecar.arm.still_share.max", "sidecar.arm.still_shar"],
)  # fmt: skip
def test_what_no_track_says_is_a_mistake(of: str) -> None:
    assert mistake(of).reason == "recipe-unknown-signal"


def test_the_nearest_number_is_named() -> None:
    assert "sidecar.arm.state.still_share" in (mistake("sidecar.arm.state.still_shar").hint or "")


def test_conditions_on_frames_and_on_clips_are_told_apart() -> None:
    assert "keep" in (mistake("sidecar.arm.still_share", where=True).hint or "")
    assert "still_seconds.median" in (mistake("sidecar.arm.still_seconds").hint or "")
    assert (
        mistake("sidecar.arm.still_share", condition={"max": "3 s"}).reason == "recipe-wrong-unit"
    )


def test_a_sidecar_that_no_source_has_is_a_mistake_unless_its_absence_is_fine() -> None:
    assert mistake("sidecar.leg.still_share").reason == "recipe-unknown-sidecar"
    kept = recipe("sidecar.leg.still_share", SOURCE, condition={"absent": "keep"})
    assert "one" in kept.keep


def test_what_is_idle_is_a_setting_that_the_plan_knows() -> None:
    wanted = recipe("sidecar.arm.still_share", still={"change": 0.5, "seconds": "2s"})
    (check,) = make_plan(wanted).logical.checks
    assert check.document()["params"] == {"change": 0.5, "seconds": 2.0}
    assert mistake("sidecar.arm.still_share", still={"change": 0}).reason == "recipe-out-of-range"


def test_a_track_is_judged_before_what_is_dear_but_after_it_is_aligned() -> None:
    keep = {
        "calm": {"of": "sidecar.arm.still_share", "max": 1},
        "faces": {"of": "face.count.mean", "max": 1},
    }
    plain = make_plan(recipe("sidecar.arm.still_share", keep=keep))
    first = next(one for one in plain.passes if "keep.calm" in one.checks)
    assert first.scope is PassScope.everything
    spec = {"op": "pose_speed", "max_offset_seconds": 1}
    aligned = make_plan(recipe("sidecar.arm.still_share", keep=keep, align={"arm": spec}))
    assert "keep.calm" in aligned.passes[-1].checks
    assert sum("keep.calm" in one.checks for one in aligned.passes) == 1


def test_a_sidecar_that_a_condition_asks_is_read() -> None:
    assert make_plan(recipe("sidecar.arm.still_share")).logical.roles == {"arm"}


def test_one_of_several_tracks_can_be_aligned_and_then_asked() -> None:
    spec = {"op": "activity", "max_offset_seconds": 1}
    made = make_plan(recipe("sidecar.arm.state.still_share", align={"arm.state": spec})).logical
    (check,) = made.checks
    assert made.aligned(check) == "arm.state"
    other = make_plan(recipe("sidecar.arm.action.still_share", align={"arm.state": spec})).logical
    assert other.aligned(other.checks[0]) is None
