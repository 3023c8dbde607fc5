"""From recipes to plans, with what the store has learnt: costs, pass rates, and the cascade chosen before."""

from __future__ import annotations

import json

from curator.engine.record import DECODE
from curator.plan.checks import Check
from curator.plan.logical import Node, compile_plan
from curator.plan.optimise import Prices, cascade, cascade_cost
from curator.plan.physical import Plan, make_plan, structure
from curator.spec.recipe import Recipe
from curator.spec.settings import EngineSpec
from curator.store.key import canonical
from curator.store.store import Store

__all__ = ["cheaper_cascade", "learnt_prices", "plan_for"]

_WORTH_SAYING = 0.1
_SOME_DECODE = Prices.declared().decode


def learnt_prices(store: Store) -> Prices:
    """What earlier builds in this store took, and the measures' own word where there were none."""

    def cost(node: Node) -> float:
        learnt = store.cost(node.op)
        return node.measure.cost if learnt is None else learnt

    def rate(check: Check) -> float | None:
        return store.rate(canonical(check.document()))

    return Prices(cost=cost, rate=rate, decode=store.cost(DECODE) or _SOME_DECODE)


def plan_for(recipe: Recipe, engine: EngineSpec, store: Store | None, *, seal: bool) -> Plan:
    """The plan of a recipe.

    By default passes are ordered by the measures' own priors, so that the same inputs give the same
    bytes in every store. With ``engine.cascade=learned`` the order is learnt from earlier builds. It
    is chosen once for all recipes that measure and judge the same numbers, whatever their bounds,
    and then stands: otherwise what a dropped clip was measured on would depend on how fast the last
    build happened to run.

    Args:
        store: None plans by the measures' own priors.
        seal: write the choice down (a build does, a look does not).
    """
    if engine.measure_all:
        return make_plan(recipe, measure_all=True)
    if store is None or engine.cascade == "declared":
        return make_plan(recipe)
    logical = compile_plan(recipe)
    name = f"cascade/1 {structure(logical)}"
    chosen = store.sealed(name)
    if chosen is None:
        chosen = json.dumps(cascade(logical.judged, learnt_prices(store)))
        if seal:
            chosen = store.seal(name, chosen)
    return make_plan(recipe, groups=[tuple(group) for group in json.loads(chosen)])


def cheaper_cascade(plan: Plan, prices: Prices) -> tuple[list[tuple[str, ...]], float] | None:
    """A cascade that learnt prices like better than the plan's, and the share of cost that it saves.

    None when there is none that saves at least a tenth.
    """
    judged = plan.logical.judged
    ours = [p.nodes for p in plan.passes[1:] if not plan.logical.for_sync.issuperset(p.nodes)]
    better = cascade(judged, prices)
    cost = cascade_cost(judged, ours, prices)
    saved = 1 - cascade_cost(judged, better, prices) / cost if cost else 0.0
    return (better, saved) if saved >= _WORTH_SAYING else None
