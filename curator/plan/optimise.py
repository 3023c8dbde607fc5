"""The optimiser: which node runs in which pass, so that dear ones see little footage.

A cascade is priced in CPU-seconds per second of video: every pass pays for decoding what is still
alive and for its nodes on it. Dear nodes are ordered by rank = (pass rate - 1) / cost (predicate
migration: Hellerstein and Stonebraker, SIGMOD 1993), frame-level ones before clip-level ones since
a clip is only known once all frame-level conditions are; the ordered list is then cut into passes
by dynamic programming over the cut points.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from curator.abc.measure import FrameNeed, Gatherer, View
from curator.plan.checks import Check, Scope
from curator.plan.logical import POSTER, SHOTS, LogicalPlan, Node

__all__ = ["CHEAP", "Prices", "Step", "cascade", "cascade_cost", "cut", "pass_rate", "price"]

CHEAP = 0.03
"""A node that declares less CPU than this per second of video, and takes no RGB pictures, always
runs in the scan pass: it costs less than looking at the footage a second time, and its signals are
then known of every shot. So does a `Gatherer`, which must see the whole video."""

YIELD_PRIOR = 0.15
"""Share of footage that a recipe keeps, before anything was learnt: published pipelines keep 4 to 34 %."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost and let through: from earlier builds where known, else the measures' own word."""

    cost: Callable[[Node], float]
    """CPU-seconds per second of video."""
    rate: Callable[[Check], float | None]
    """Share of seconds that a check lets through, when learnt."""
    decode: float = 0.2
    """CPU-seconds to decode a second of video."""

    @staticmethod
    def declared() -> Prices:
        """The measures' own priors, which are the same everywhere."""
        return Prices(cost=lambda node: node.measure.cost, rate=lambda _check: None)


@dataclass(frozen=True, slots=True)
class Step:
    """A dear node as the optimiser sees it."""

    name: str
    cost: float
    looks: bool
    frames: float
    """Share of seconds that its frame-level checks let through (1 when it has none)."""
    clips: float
    """Share that its clip-level checks let through."""
    decides_frames: bool


def cascade(plan: LogicalPlan, prices: Prices) -> list[tuple[str, ...]]:
    """Names of nodes per decoding pass; the first is the scan of everything."""
    measured = {name: node for name, node in plan.nodes.items() if node.measure.needs}
    scan = _scan(plan)
    dear = [_step(plan, name, prices) for name in measured if name not in scan]
    alive = _rates(plan, scan, prices)
    order = sorted(dear, key=lambda s: (not s.decides_frames, _rank(s), s.name))
    groups = cut(order, alive=alive, decode=prices.decode)
    return [tuple(scan + [s.name for s in groups[0]])] + [
        tuple(s.name for s in group) for group in groups[1:]
    ]


def cascade_cost(plan: LogicalPlan, groups: Sequence[Sequence[str]], prices: Prices) -> float:
    """CPU-seconds per second of video of the dear nodes of a cascade; the scan's own cost is the same for all."""
    scan = _scan(plan)
    steps = [[_step(plan, name, prices) for name in g if name not in scan] for g in groups]
    return price(steps, alive=_rates(plan, scan, prices), decode=prices.decode)


def cut(
    order: Sequence[Step], *, alive: tuple[float, float], decode: float
) -> list[tuple[Step, ...]]:
    """The cheapest way to cut an ordered list into passes; the first group joins the scan.

    Args:
        order: steps, frame-level ones first.
        alive: share of seconds that the scan's own (frame-level, clip-level) checks let through.
        decode: CPU-seconds to decode a second of video.
    """
    n = len(order)
    live = [_alive(order[:i], order, alive) for i in range(n + 1)]
    best = [sum(step.cost for step in order[:i]) for i in range(n + 1)]  # all of it in the scan
    back: list[int | None] = [None] * (n + 1)
    for j in range(1, n + 1):
        for i in range(j):
            total = best[i] + live[i] * _pass_cost(order[i:j], decode)
            if total < best[j] - 1e-12:
                best[j], back[j] = total, i
    groups: list[tuple[Step, ...]] = []
    end = n
    while (begin := back[end]) is not None:
        groups.append(tuple(order[begin:end]))
        end = begin
    return [tuple(order[:end]), *reversed(groups)]


def price(groups: Sequence[Sequence[Step]], *, alive: tuple[float, float], decode: float) -> float:
    """CPU-seconds per second of video of a cascade whose first group joins the scan."""
    order = list(itertools.chain.from_iterable(groups))
    total, done = sum(step.cost for step in groups[0]), len(groups[0])
    for group in groups[1:]:
        total += _alive(order[:done], order, alive) * _pass_cost(group, decode)
        done += len(group)
    return total


def _pass_cost(group: Sequence[Step], decode: float) -> float:
    return sum(step.cost for step in group) + (decode if any(s.looks for s in group) else 0.0)


def _alive(done: Sequence[Step], order: Sequence[Step], scan: tuple[float, float]) -> float:
    """Share of seconds still alive when `done` have run; clip checks count once clips are known."""
    share = scan[0]
    for step in done:
        share *= step.frames
    if all(step in done for step in order if step.decides_frames):
        share *= scan[1]
        for step in done:
            share *= step.clips
    return share


def _rank(step: Step) -> float:
    passed = step.frames if step.decides_frames else step.clips
    return (passed - 1) / max(step.cost, 1e-9)


def _step(plan: LogicalPlan, name: str, prices: Prices) -> Step:
    frames, clips = _rates(plan, [name], prices)
    node = plan.nodes[name]
    return Step(
        name=name,
        cost=prices.cost(node),
        looks=node.looks,
        frames=frames,
        clips=clips,
        decides_frames=bool(plan.checks_of(name, Scope.frame)),
    )


def _rates(plan: LogicalPlan, names: Sequence[str], prices: Prices) -> tuple[float, float]:
    """(frame-level, clip-level) shares that the checks on these nodes let through, independent."""
    shares = {Scope.frame: 1.0, Scope.clip: 1.0}
    for name in names:
        for scope in shares:
            for check in plan.checks_of(name, scope):
                shares[scope] *= pass_rate(plan, check, prices)
    return shares[Scope.frame], shares[Scope.clip]


def pass_rate(plan: LogicalPlan, check: Check, prices: Prices) -> float:
    """Share of the seconds it judges that a check lets through: learnt, as the recipe says, or an equal part
    of the prior."""
    if check.scope is Scope.video:
        return 1.0  # it decides before anything is paid for
    if not check.is_bounded:
        return 1.0
    learnt = prices.rate(check)
    if learnt is not None:
        return learnt
    if check.expect is not None:
        return check.expect
    measured = [c for c in plan.checks if c.is_bounded and c.operand.measure in plan.nodes]
    count = sum(one.scope is not Scope.video for one in measured) or 1
    return float(YIELD_PRIOR ** (1 / count))


def _scan(plan: LogicalPlan) -> list[str]:
    """Nodes that always run in the scan pass."""
    cheap = [
        name
        for name, node in plan.nodes.items()
        if node.measure.needs and name not in (SHOTS, POSTER) and _cheap(node)
    ]
    return [SHOTS, POSTER, *cheap]


def _cheap(node: Node) -> bool:
    takes_rgb = any(
        isinstance(need, FrameNeed) and need.view is View.rgb
        for need in node.measure.needs.values()
    )
    if isinstance(node.measure, Gatherer):
        return True  # it has to see everything anyway
    return node.measure.cost <= CHEAP and not takes_rgb
