"""The evaluator, on made-up facts: what it demands, and what it decides."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.abc.measure import ClipSeries, FrameNeed, Need, View
from curator.media.probe import Clock, Probe
from curator.model.clip import Decision, Shot, Transition, Unit
from curator.model.outcome import Failure
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.span import Span
from curator.model.tile import Tiles, tile_of
from curator.model.video import FrameTable, VideoInfo, VideoStream
from curator.plan.checks import Check, Scope
from curator.plan.evaluate import advance
from curator.plan.logical import POSTER, SHOTS, LogicalPlan, Node
from curator.plan.physical import Pass, PassScope, Plan
from curator.plan.verdicts import Demand, Verdicts
from curator.spec.operand import Operand
from curator.spec.recipe import Condition, Recipe, SecondsSpec, SegmentSpec

FPS = 5
SECONDS = 40
FRAMES = FPS * SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A measure with one series, and its mean as a signal."""

    tag: str
    name: ClassVar[str] = "number"
    version: ClassVar[int] = 1
    series: ClassVar[tuple[SeriesSpec, ...]] = (SeriesSpec(name="x", unit="ratio", about="x"),)
    signals: ClassVar[tuple[SignalSpec, ...]] = (SignalSpec(name="mean", unit="ratio", about="x"),)
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.1
    weights: ClassVar[tuple[()]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"frames": FrameNeed(view=View.luma)}

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        values = clip.series["x"].values if "x" in clip.series else np.array([])
        if not len(values):
            return {"mean": Signal(None, absent="no-samples")}
        return {"mean": Signal(float(values.mean()))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutter(Number):
    """A shot detector that was told where the cuts are."""

    cuts: tuple[int, ...] = ()

    def shots(self, series: Mapping[str, Series], table: FrameTable) -> tuple[Shot, ...]:
        edges = [0, *self.cuts, len(table)]
        spans = [Span(table.time(a), table.time(b)) for a, b in itertools.pairwise(edges)]
        return tuple(
            Shot(
                span=span,
                clean=span,
                start_frame=a,
                end_frame=b,
                transition=Transition.cut if a else Transition.start,
            )
            for span, a, b in zip(spans, edges, edges[1:], strict=False)
        )


@dataclass
class Facts:
    """What a store would know, grown tile by tile."""

    truth: Mapping[str, np.ndarray]
    tiles: dict[str, Tiles] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)

    def covered(self, node: Node) -> Tiles:
        return self.tiles.get(node.name, Tiles())

    def failure(self, node: Node, tiles: Tiles) -> Failure | None:
        return self.failed.get(node.name) if tiles - self.covered(node) else None

    def series(self, node: Node) -> Mapping[str, Series]:
        covered = set(self.covered(node))
        ticks = np.array([i for i in range(FRAMES) if tile_of(Fraction(i, FPS)) in covered], int)
        values = self.truth.get(node.name, np.zeros(FRAMES, np.float32))
        return {"x": Series(ticks, Fraction(1, FPS), values[ticks])}

    def shots(self, node: Node, table: FrameTable) -> tuple[Shot, ...]:
        return tuple(node.detector.shots(self.series(node), table))

    def grow(self, demand: Demand) -> None:
        for name, tiles in demand.tiles.items():
            assert not tiles & self.tiles.get(name, Tiles()), "nothing is demanded twice"
            self.tiles[name] = self.tiles.get(name, Tiles()) | tiles


def probe() -> Probe:
    ticks = np.arange(FRAMES, dtype=np.int64)
    table = FrameTable(
        ticks=ticks,
        keyframes=np.ones(FRAMES, np.bool_),
        sizes=np.ones(FRAMES, np.int64),
        time_base=Fraction(1, FPS),
        end_tick=FRAMES,
    )
    video = VideoStream(
        index=0, codec="h264", width_px=64, height_px=64, sample_aspect=Fraction(1),
        rotation_degrees=0, pixel_format="yuv420p", bit_depth=8, interlaced=False,
        time_base=Fraction(1, FPS), fps_from_header=FPS, color_primaries=None, color_transfer=None,
        color_space=None, color_range=None, num_frames_from_header=FRAMES,
        duration_seconds_from_header=None,
    )  # fmt: skip
    info = VideoInfo(
        container="mp4", size_bytes=1, video=video, audio=(), num_frames_from_packets=FRAMES,
        duration_seconds=Fraction(SECONDS), fps=FPS, is_variable_rate=False, video_bytes=1,
        max_keyframe_gap_seconds=1.0, start_seconds=Fraction(0),
    )  # fmt: skip
    return Probe(
        info=info, table=table, clock=Clock.pts, first_pts=0, entries=np.ones(FRAMES, np.bool_)
    )


def operand(measure: str, *, frame: bool) -> Operand:
    return Operand(
        measure=measure,
        op="number",
        params={},
        series="x" if frame else None,
        stat=None,
        signal=None if frame else "mean",
        unit="ratio",
    )


def plan(cuts: tuple[int, ...], groups: list[list[str]]) -> Plan:
    """`a` and `b` decide frames, `c` and `d` decide clips."""
    nodes = {name: Node(name, "number", Number(tag=name)) for name in "abcd"}
    nodes[SHOTS] = Node(SHOTS, "cutter", Cutter(tag=SHOTS, cuts=cuts))
    nodes[POSTER] = Node(POSTER, POSTER, Number(tag=POSTER))
    checks = tuple(
        Check.of(
            f"{'where' if n in 'ab' else 'keep'}.{n}",
            Condition(of="x", min=0.3),
            operand(n, frame=n in "ab"),
            Scope.frame if n in "ab" else Scope.clip,
        )
        for n in "abcd"
    )
    recipe = Recipe(
        name="r",
        target="t",
        segment=SegmentSpec(seconds=SecondsSpec(min=2, max=9, trim=0.2), forgive_seconds=0.4),
    )
    passes = [Pass(index=0, scope=PassScope.header, nodes=(), checks=())]
    done: set[str] = set()
    for i, group in enumerate(groups):
        before = set(done)
        done |= set(group)
        framed = {"a", "b"} <= done
        ready = [
            c.name
            for c in checks
            if c.operand.measure in done and (c.scope is Scope.frame or framed)
        ]
        said = [name for one in passes for name in one.checks]
        scope = PassScope.clips if {"a", "b"} <= before else PassScope.candidates
        passes.append(
            Pass(
                index=i + 1,
                scope=PassScope.everything if i == 0 else scope,
                nodes=tuple(group),
                checks=tuple(n for n in ready if n not in said),
            )
        )
    return Plan(
        logical=LogicalPlan(recipe=recipe, nodes=nodes, checks=checks), passes=tuple(passes)
    )


def decide(compiled: Plan, facts: Facts) -> Verdicts:
    for _ in range(10):
        said = advance(compiled, probe(), facts)
        if isinstance(said, Verdicts):
            return said
        facts.grow(said)
    raise AssertionError("the evaluator never comes to an end")


def truth(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: np.repeat(rng.random(FRAMES // 10 + 1), 10)[:FRAMES].astype(np.float32) ** 0.4
        for name in "abcd"
    }


SCAN = [SHOTS, POSTER]
CASCADES = [
    [[*SCAN, "a", "b", "c", "d"]],
    [[*SCAN, "a"], ["b"], ["c"], ["d"]],
    [[*SCAN, "d"], ["a", "b"], ["c"]],
    [[*SCAN], ["b"], ["a"], ["d", "c"]],
    [[*SCAN, "b", "c"], ["a", "d"]],
]
SEEDS = st.integers(0, 2**16)
CUTS = st.lists(st.integers(5, FRAMES - 5), max_size=4, unique=True).map(lambda x: tuple(sorted(x)))
CALM = settings(deadline=None, max_examples=40)


@CALM
@given(seed=SEEDS, cuts=CUTS, which=st.integers(0, len(CASCADES) - 1))
def test_rows_tile_the_video(seed: int, cuts: tuple[int, ...], which: int) -> None:
    rows = decide(plan(cuts, CASCADES[which]), Facts(truth(seed))).rows
    assert rows[0].span.start == 0
    assert rows[-1].span.end == SECONDS
    assert all(a.span.end == b.span.start for a, b in itertools.pairwise(rows))


@CALM
@given(seed=SEEDS, cuts=CUTS)
def test_the_order_of_passes_never_changes_what_is_kept(seed: int, cuts: tuple[int, ...]) -> None:
    kept = [
        [
            r.span
            for r in decide(plan(cuts, groups), Facts(truth(seed))).rows
            if r.decision is Decision.kept
        ]
        for groups in CASCADES
    ]
    assert all(one == kept[0] for one in kept)


@CALM
@given(
    seed=SEEDS, cuts=CUTS, which=st.integers(0, len(CASCADES) - 1), extra=st.sets(st.integers(0, 9))
)
def test_what_was_measured_before_never_changes_the_verdicts(
    seed: int, cuts: tuple[int, ...], which: int, extra: set[int]
) -> None:
    compiled = plan(cuts, CASCADES[which])
    fresh = decide(compiled, Facts(truth(seed)))
    used = decide(compiled, Facts(truth(seed), {name: Tiles.of(extra) for name in "abcd"}))
    assert used == fresh


@CALM
@given(seed=SEEDS, cuts=CUTS)
def test_a_cascade_demands_no_more_than_measuring_everything(
    seed: int, cuts: tuple[int, ...]
) -> None:
    facts = Facts(truth(seed))
    decide(plan(cuts, CASCADES[1]), facts)
    assert len(facts.tiles["a"]) == SECONDS // 4
    assert len(facts.tiles.get("b", Tiles())) <= SECONDS // 4
    assert not facts.tiles.get("d", Tiles()) - facts.tiles.get("c", Tiles())


def test_every_clip_satisfies_every_condition() -> None:
    verdicts = decide(plan((77,), CASCADES[2]), Facts(truth(3)))
    for row in verdicts.rows:
        if row.decision is Decision.kept:
            assert row.unit is Unit.clip
            assert all(row.signals[f"{n}.mean"].value >= 0.3 for n in "cd")  # type: ignore[operator]
            assert 2 <= row.seconds <= 9


def test_a_failure_leaves_the_video_unscored_with_its_reason() -> None:
    facts = Facts(truth(1), failed={"b": Failure(stage="measure", reason="timeout", message="m")})
    verdicts = decide(plan((), CASCADES[1]), facts)
    assert [(r.decision, r.reason) for r in verdicts.rows] == [(Decision.unscored, "timeout")]


@pytest.mark.parametrize("which", range(1, len(CASCADES)))
def test_a_partial_look_never_demands(which: int) -> None:
    compiled = plan((50, 120), CASCADES[which])
    facts = Facts(truth(5))
    said = advance(compiled, probe(), facts)
    assert isinstance(said, Demand)
    facts.grow(said)
    verdicts = advance(compiled, probe(), facts, partial=True)
    assert isinstance(verdicts, Verdicts)
    assert any(row.reason == "not-measured" for row in verdicts.rows)
