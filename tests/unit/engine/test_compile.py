"""What earlier builds teach, and what they do not change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from curator.engine.compile import cheaper_cascade, learnt_prices, plan_for
from curator.plan.checks import Scope
from curator.plan.physical import Plan
from curator.spec.compile import compile_recipe
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec
from curator.store.key import canonical
from curator.store.store import Store


def recipe(share: float = 0.5) -> Recipe:
    return compile_recipe(
        {
            "name": "r",
            "target": "t",
            "segment": {
                "where": {
                    "lit": {"of": "luma.mean", "min": 40},
                    "alone": {"of": "face.count", "equals": 1},
                }
            },
            "keep": {
                "lips": {"of": "lips.confidence", "min": 1},
                "voice": {"of": "speech.share", "min": share},
            },
        },
        footage=False,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def teach(store: Store, plan: Plan) -> None:
    """Faces are dear, and the cheap condition on light lets hardly anything through."""
    store.learn("face", 100, 200)
    store.learn("lips", 100, 500)
    for check in plan.logical.checks:
        share = 0.02 if check.scope is Scope.frame else 0.9
        store.learn_rate(canonical(check.document()), 100, 100 * share)


def groups(plan: Plan) -> list[tuple[str, ...]]:
    return [p.nodes for p in plan.passes[1:]]


def test_nothing_learnt_changes_the_declared_order(store: Store) -> None:
    before = plan_for(recipe(), EngineSpec(), store, seal=True)
    teach(store, before)
    assert groups(plan_for(recipe(), EngineSpec(), store, seal=True)) == groups(before)


def test_a_learnt_order_stands_for_every_bound_once_it_is_sealed(store: Store) -> None:
    learned = EngineSpec(cascade="learned")
    first = plan_for(recipe(), learned, store, seal=True)
    teach(store, first)
    assert groups(plan_for(recipe(0.7), learned, store, seal=True)) == groups(first)


def test_learnt_costs_order_a_new_recipe(store: Store) -> None:
    declared = plan_for(recipe(), EngineSpec(), store, seal=False)
    teach(store, declared)
    learned = plan_for(recipe(), EngineSpec(cascade="learned"), store, seal=True)
    assert json.dumps(groups(learned)) != json.dumps(groups(declared))
    better = cheaper_cascade(declared, learnt_prices(store))
    assert better is not None
    assert better[0] == groups(learned)
    assert better[1] > 0
    assert cheaper_cascade(learned, learnt_prices(store)) is None
