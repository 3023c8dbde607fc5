"""The benchmark of the cascade records every installed measure by a number that a condition can take."""

from __future__ import annotations

import pytest

from benchmarks.cascade import compared, number_of
from curator.errors import MeasureError
from curator.registry import load_measure, measures
from curator.spec.operand import resolve


@pytest.mark.parametrize("op", measures())
def test_every_measure_that_has_a_number_is_recorded_by_it(op):
    try:
        measure = load_measure(op)()
    except MeasureError as error:
        pytest.skip(error.message)
    number = number_of(op, measure)
    if number is None:
        assert all(one.shape for one in measure.series)
    else:
        assert not resolve(number, {}).per_frame


def one(*, cpu: float, clips: list[str], columns: str) -> dict[str, object]:
    facts = {"clips": {"kept": len(clips)}, "frames_decoded": 1}
    return {"cpu": cpu, "facts": facts, "shards": columns, "samples": clips, "kept": clips}


def test_more_columns_are_no_other_samples_but_another_clip_is():
    cascade = one(cpu=10, clips=["a", "b"], columns="few")
    everything = one(cpu=50, clips=["a", "b"], columns="many")
    found = compared([{"cascade": cascade, "installed": everything}])
    assert found["same_samples"]
    assert found["ratios"] == {"cascade": 1, "installed": 5}
    other = one(cpu=50, clips=["a"], columns="many")
    assert not compared([{"cascade": cascade, "installed": other}])["same_samples"]
    assert not compared([{"cascade": cascade, "own": everything}])["same_samples"]
