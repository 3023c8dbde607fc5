"""Looks at what a build would do, and at what the facts already say. Nothing is measured or written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from curator.engine.agreed import PlanKnown
from curator.engine.beside import besides
from curator.engine.compile import cheaper_cascade, learnt_prices, plan_for
from curator.engine.footage import beside_ref, known_fingerprint, videos_of
from curator.engine.known import VideoKnown
from curator.engine.record import Recorder, grid_of
from curator.engine.reports import PassReport, PlanReport, PreviewReport
from curator.engine.settled import kept_clips, settle_seen
from curator.errors import MediaError
from curator.media.probe import Probe, probe
from curator.media.stored import load
from curator.model.clip import Decision, Unit
from curator.model.outcome import Outcome
from curator.model.video import VideoRef
from curator.plan.contenders import Contender
from curator.plan.evaluate import advance
from curator.plan.funnel import funnel
from curator.plan.optimise import Prices, pass_rate
from curator.plan.physical import Pass, PassScope, Plan
from curator.plan.settle import Settled
from curator.plan.verdicts import Demand, Verdicts
from curator.source.address import is_local, local_path
from curator.spec.recipe import Recipe
from curator.spec.settings import Settings
from curator.store.store import Store

__all__ = ["PlanReport", "PreviewReport", "Seen", "look_at", "open_store", "plan", "preview"]

_GUESS_FROM = 8
"""Videos that are probed to guess how long those are that no build has opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A video as the store knows it."""

    ref: VideoRef
    fingerprint: str
    probe: Probe
    known: PlanKnown


def plan(recipes: Sequence[Recipe], settings: Settings) -> PlanReport:
    """What a build of these recipes would do now."""
    plans: list[Plan] = []
    better: list[tuple[list[tuple[str, ...]], float] | None] = []
    passes: list[tuple[PassReport, ...]] = []
    videos: list[tuple[int, int]] = []
    hours: list[tuple[float, float, float]] = []
    with open_store(settings) as store:
        prices = learnt_prices(store.store) if store.store is not None else Prices.declared()
        for recipe in recipes:
            compiled = plan_for(recipe, settings.engine, store.store, seal=False)
            refs = videos_of(recipe)
            seen = list(look_at(refs, compiled, store.store))
            estimate = _Estimate(compiled, prices, store.store)
            better.append(cheaper_cascade(compiled, prices))
            for video in seen:
                estimate.add(video)
            estimate.settle(Path(settings.out))
            known = {(video.ref.source, video.ref.url) for video in seen}
            estimate.guess(guess_seconds([r for r in refs if (r.source, r.url) not in known]))
            plans.append(compiled)
            passes.append(estimate.passes())
            videos.append((len(refs), len(refs) - len(seen)))
            hours.append((estimate.seconds / 3600, estimate.new / 3600, estimate.kept / 3600))
    return PlanReport(
        plans=tuple(plans),
        passes=tuple(passes),
        videos=tuple(videos),
        hours_in=tuple(known for known, _, _ in hours),
        hours_new=tuple(new for _, new, _ in hours),
        hours_kept=tuple(kept for _, _, kept in hours),
        workers=settings.engine.worker_count,
        better=tuple(better),
    )


def preview(recipe: Recipe, settings: Settings) -> PreviewReport:
    """What the stored facts say of a recipe. A threshold that moved decodes nothing."""
    with open_store(settings) as store:
        compiled = plan_for(recipe, settings.engine, store.store, seal=False)
        refs = videos_of(recipe)
        comeback: dict[str, tuple[Fraction, int]] = {}
        outcomes: list[Outcome] = []
        clips: list[Contender] = []
        for video in look_at(refs, compiled, store.store):
            verdicts = advance(compiled, video.probe, video.known, partial=True)
            assert isinstance(verdicts, Verdicts), "a partial look has no demand"
            outcomes.append(_outcome(video, verdicts))
            clips += kept_clips(compiled, video, verdicts)
            for name, (seconds, count) in verdicts.comeback.items():
                had = comeback.get(name, (Fraction(0), 0))
                comeback[name] = (had[0] + seconds, had[1] + count)
        settled = settle_seen(compiled, clips, out=Path(settings.out))
        outcomes = [_with_rows(one, settled) for one in outcomes]
    rows = [row for outcome in outcomes for row in outcome.rows]
    return PreviewReport(
        recipe=recipe,
        funnel=funnel(compiled, outcomes, comeback),
        seconds={
            one.name: math.fsum(float(row.seconds) for row in rows if row.decision is one)
            for one in Decision
        },
        clips={
            one.name: sum(row.decision is one and row.unit is Unit.clip for row in rows)
            for one in Decision
        },
        not_measured_seconds=math.fsum(
            float(row.seconds) for row in rows if row.reason == "not-measured"
        ),
        videos=len(refs),
        videos_new=len(refs) - len(outcomes),
    )


class open_store:  # noqa: N801  # used as a function: `with open_store(settings) as store`
    """The store for reading, or nothing when there is none yet; a context manager."""

    def __init__(self, settings: Settings) -> None:
        root = Path(settings.store.root)
        self.store = Store.open(root, readonly=True) if (root / "facts.db").exists() else None

    def __enter__(self) -> open_store:
        return self

    def __exit__(self, *_: object) -> None:
        if self.store is not None:
            self.store.close()


def look_at(refs: Sequence[VideoRef], plan: Plan, store: Store | None) -> Iterator[Seen]:
    """The videos that an earlier build has opened, as the store knows them."""
    if store is None:
        return
    recorder = Recorder(store)
    for ref in refs:
        fingerprint = known_fingerprint(ref, store)
        found = recorder.probe(fingerprint, retry=False) if fingerprint else None
        if fingerprint is None or not isinstance(found, bytes):
            continue
        known = VideoKnown(store, fingerprint=fingerprint, grid=grid_of(found))
        known.load(plan.nodes.values())
        opened = load(found)
        beside = besides(plan, ref, fingerprint, partial(_fingerprint_of, ref, store))
        view = PlanKnown(
            known,
            plan,
            beside,
            has_audio=bool(opened.info.audio),
            cuts=ref.cuts,
            columns=ref.columns,
        )
        yield Seen(ref=ref, fingerprint=fingerprint, probe=opened, known=view)


def _fingerprint_of(ref: VideoRef, store: Store, url: str) -> str | None:
    return known_fingerprint(beside_ref(ref, url), store)


def guess_seconds(refs: Sequence[VideoRef]) -> float:
    """Footage in local files that no build has opened: a few are probed, size tells of the rest."""
    sizes = {ref.url: _size(ref.url) for ref in refs if is_local(ref.url)}
    order = sorted(url for url, size in sizes.items() if size)
    seconds = read = 0.0
    for url in order[:: -(-len(order) // _GUESS_FROM) or 1]:
        try:
            seconds += float(probe(local_path(url)).info.duration_seconds)
        except MediaError:
            continue  # it will cost a build nothing either
        read += sizes[url]
    return seconds * sum(sizes.values()) / read if read else 0.0


def _size(url: str) -> int:
    try:
        return local_path(url).stat().st_size
    except OSError:
        return 0


class _Estimate:
    """Adds up, video by video, what every pass has to do."""

    def __init__(self, plan: Plan, prices: Prices, store: Store | None) -> None:
        self._plan = plan
        self._prices = prices
        self._store = store
        self.seconds = 0.0
        self.new = 0.0
        self.kept = 0.0
        self._clips: list[Contender] = []
        self._cached = [0.0] * len(plan.passes)
        self._run = [0.0] * len(plan.passes)
        self._expected = [0.0] * len(plan.passes)
        self._why: list[dict[str, str]] = [{} for _ in plan.passes]

    def add(self, video: Seen) -> None:
        """One more video."""
        seconds = float(video.probe.info.duration_seconds)
        self.seconds += seconds
        said = advance(self._plan, video.probe, video.known)
        reached = said.stage if isinstance(said, Demand) else len(self._plan.passes)
        for index in range(reached):
            self._cached[index] += seconds
        if isinstance(said, Verdicts):
            self.kept += math.fsum(
                float(r.seconds) for r in said.rows if r.decision is Decision.kept
            )
            self._clips += kept_clips(self._plan, video, said)
            return
        if said.roles:  # nobody knows what tracks leave alive, though some of it may be cached
            self.expect(seconds)
        else:
            self._demand(video, said)

    def settle(self, out: Path) -> None:
        """Take off what is known to be a copy or over a quota; what is expected cannot be compared yet."""
        falls = settle_seen(self._plan, self._clips, out=out).falls
        self.kept -= math.fsum(float(span.seconds) for _, span in falls)

    def guess(self, seconds: float) -> None:
        """Footage that no build has opened."""
        self.new += seconds
        self.expect(seconds)

    def expect(self, seconds: float) -> None:
        """Footage of which nothing is known: every pass sees its share by pass rates."""
        alive = seconds
        for stage in self._plan.passes[1:]:
            self._expected[stage.index] += alive
            alive *= self._rate(stage)
        self.kept += alive

    def _demand(self, video: Seen, demand: Demand) -> None:
        tiles = max(
            (float(sum(r.span.seconds for r in t.ranges)) for t in demand.tiles.values()),
            default=0.0,
        )
        alive = min(tiles, math.fsum(float(span.seconds) for span in demand.alive))
        self._run[demand.stage] += tiles
        for name in demand.tiles:
            self._why[demand.stage].setdefault(name, self._reason(video, name))
        for stage in self._plan.passes[demand.stage :]:
            if stage.index > demand.stage:
                self._expected[stage.index] += alive
            alive *= self._rate(stage)
        self.kept += alive

    def _reason(self, video: Seen, name: str) -> str:
        node = self._plan.nodes[name]
        if video.known.covered(node):
            return "more footage is alive than before"
        assert self._store is not None, "a video was seen in a store"
        document = video.known.document(node)
        changed = self._store.explain(document, node.op, video.fingerprint)
        return "; ".join(changed) if changed else "never measured"

    def _rate(self, stage: Pass) -> float:
        checks = map(self._plan.check, stage.checks)
        return math.prod(pass_rate(self._plan.logical, check, self._prices) for check in checks)

    def passes(self) -> tuple[PassReport, ...]:
        """The sums, pass by pass."""
        out = []
        for stage in self._plan.passes:
            seconds = self._run[stage.index] + self._expected[stage.index]
            nodes = [self._plan.nodes[name] for name in stage.nodes]
            per_second = math.fsum(self._prices.cost(node) for node in nodes)
            if stage.scope is not PassScope.header and any(node.looks for node in nodes):
                per_second += self._prices.decode
            out.append(
                PassReport(
                    index=stage.index,
                    scope=stage.scope.name,
                    nodes=stage.nodes,
                    checks=stage.checks,
                    cached_seconds=self._cached[stage.index],
                    run_seconds=self._run[stage.index],
                    expected_seconds=self._expected[stage.index],
                    cpu_seconds=seconds * per_second,
                    why=self._why[stage.index],
                )
            )
        return tuple(out)


def _outcome(video: Seen, verdicts: Verdicts) -> Outcome:
    return Outcome(
        ref=video.ref,
        fingerprint=video.fingerprint,
        info=video.probe.info,
        shots=verdicts.shots,
        rows=verdicts.rows,
        failures=verdicts.failures,
    )


def _with_rows(outcome: Outcome, settled: Settled) -> Outcome:
    rows = settled.rows(outcome.fingerprint or "", outcome.rows)
    return dataclasses.replace(outcome, rows=rows)
