"""The physical plan: passes over footage, as data that can be printed, compared and pinned."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curator.plan.checks import Check, Scope
from curator.plan.logical import LogicalPlan, Node, compile_plan
from curator.plan.optimise import Prices, cascade
from curator.spec.defaults import plain
from curator.spec.manifests import MANIFEST
from curator.spec.recipe import Recipe
from curator.store.key import digest

__all__ = ["Pass", "PassScope", "Plan", "make_plan", "structure"]


class PassScope(enum.Enum):
    """Which footage a pass looks at."""

    header = "header"
    """Nothing is decoded: header and packets."""
    everything = "everything"
    candidates = "candidates"
    """Spans that may still become part of a clip."""
    clips = "clips"
    """Clips that every check so far let through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One decode (or none) that serves its nodes, and the checks that can be judged after it."""

    index: int
    scope: PassScope
    nodes: tuple[str, ...]
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe, compiled: what must be known, and in which order it is found out."""

    logical: LogicalPlan
    passes: tuple[Pass, ...]

    @property
    def recipe(self) -> Recipe:
        """What was compiled."""
        return self.logical.recipe

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Every computation by name."""
        return self.logical.nodes

    def check(self, name: str) -> Check:
        """The check with this dotted name."""
        return next(check for check in self.logical.checks if check.name == name)

    def stage_of(self, node: str) -> int:
        """The index of the pass in which a node runs; container facts are known in pass 0."""
        return next((p.index for p in self.passes if node in p.nodes), 0)

    def document(self) -> dict[str, Any]:
        """The plan as JSON, the same for the same recipe and prices."""
        return {
            "recipe": self.recipe.name,
            "nodes": {
                name: {
                    "op": node.op,
                    "version": node.measure.version,
                    "params": dict(node.settings()),
                }
                for name, node in self.nodes.items()
            },
            "passes": [
                {
                    "index": p.index,
                    "scope": p.scope.name,
                    "nodes": list(p.nodes),
                    "checks": list(p.checks),
                }
                for p in self.passes
            ],
            "checks": {check.name: check.document() for check in self.logical.checks},
            "align": {
                one.name: {**one.document(), **plain(one.spec)} for one in self.logical.alignments
            },
            "distinct": plain(self.recipe.distinct),
            "balance": plain(self.recipe.balance),
        }


def make_plan(
    recipe: Recipe,
    prices: Prices | None = None,
    *,
    groups: Sequence[Sequence[str]] | None = None,
    measure_all: bool = False,
) -> Plan:
    """Compile and optimise a recipe.

    Args:
        prices: costs and pass rates; the measures' own priors when left out.
        groups: nodes per decoding pass, to pin a cascade chosen earlier.
        measure_all: no cascade: every measure sees every second in one pass.
    """
    logical = compile_plan(recipe)
    if measure_all:
        groups = [tuple(name for name, node in logical.nodes.items() if node.measure.needs)]
    elif groups is None:
        groups = cascade(logical.judged, prices or Prices.declared())
    if logical.for_sync and not measure_all:
        groups = [*groups, tuple(sorted(logical.for_sync))]
    return Plan(logical=logical, passes=tuple(_passes(logical, groups)))


def structure(logical: LogicalPlan) -> str:
    """Digest of what is measured and judged, without the bounds: recipes that differ in thresholds
    share it, so that moving a threshold never reorders the cascade."""
    return digest(
        {
            "nodes": {
                name: {
                    "op": node.op,
                    "version": node.measure.version,
                    "params": dict(node.settings()),
                }
                for name, node in logical.nodes.items()
            },
            "checks": [[check.scope.name, check.column] for check in logical.checks],
        }
    )


def _passes(logical: LogicalPlan, groups: Sequence[Sequence[str]]) -> list[Pass]:
    frame_checks = {c.operand.measure for c in logical.scoped(Scope.frame)}
    done: set[str] = set()
    said: set[str] = set()
    out: list[Pass] = []

    def add(scope: PassScope, nodes: Sequence[str]) -> None:
        done.update(nodes)
        ready = [
            c.name
            for c in logical.checks
            if c.name not in said and logical.aligned(c) is None and _ready(c, done, frame_checks)
        ]
        said.update(ready)
        out.append(Pass(index=len(out), scope=scope, nodes=tuple(nodes), checks=tuple(ready)))

    done.add(MANIFEST)  # known with the video's address
    add(PassScope.header, [name for name, node in logical.nodes.items() if not node.measure.needs])
    done.update(logical.told)  # read before anything is decoded
    for number, group in enumerate(groups):
        if number == 0:
            scope = PassScope.everything
        else:
            scope = PassScope.clips if frame_checks <= done else PassScope.candidates
        add(scope, group)
    late = tuple(c.name for c in logical.checks if logical.aligned(c) is not None)
    out[-1] = dataclasses.replace(out[-1], checks=(*out[-1].checks, *late))
    return out


def _ready(check: Check, done: set[str], frame_checks: set[str]) -> bool:
    if check.scope is Scope.clip and not frame_checks <= done:
        return False  # clips are not known yet
    return check.operand.measure in done
