"""The names and shapes are those of the published networks."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest
from curator_dover.layout import Model, layout, num_parameters, unused


def _published(model: Model) -> dict[str, tuple[int, ...]]:
    """The state dict of the published code (MIT, teowu/DOVER-Dev at 45727ac)."""
    lines = (Path(__file__).parent / "published_names.txt").read_text().splitlines()
    rows = [line.split() for line in lines]
    return {
        name: tuple(int(side) for side in shape.split("x"))
        for of, name, shape in rows
        if of == model.name
    }


@pytest.mark.parametrize("model", Model)
def test_every_name_and_shape_is_published_and_the_other_way_round(model: Model) -> None:
    assert {**layout(model), **unused(model)} == _published(model)
    assert not set(layout(model)) & set(unused(model))


def test_the_parameters_are_as_many_as_published() -> None:
    assert num_parameters(Model.dover) == 56_218_302
    assert num_parameters(Model.mobile) == 9_904_546


def test_each_branch_has_its_share() -> None:
    shares = {}
    for name, shape in layout(Model.dover).items():
        part = name.split(".")[0]
        shares[part] = shares.get(part, 0) + prod(shape) / 1e6
    assert shares == pytest.approx(
        {
            "technical_backbone": 28.08,
            "aesthetic_backbone": 28.04,
            "technical_head": 0.049,
            "aesthetic_head": 0.049,
        },
        abs=0.01,
    )
