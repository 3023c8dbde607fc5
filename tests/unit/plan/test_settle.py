"""What is decided over the clips of all videos: copies, quotas, splits; in whatever order the clips come."""

from __future__ import annotations

import hashlib
import itertools
import random
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.model.clip import Decision, Row, Unit
from curator.model.signal import Signal
from curator.model.span import Span
from curator.plan.contenders import Contender
from curator.plan.distinct import Link, best_first
from curator.plan.physical import Plan, make_plan
from curator.plan.settle import Settled, settle
from curator.plan.splits import split_of
from curator.select.footprint import Footprint
from curator.spec.compile import compile_recipe

VECTORS = "embedding.embedding"


def plan(**document: Any) -> Plan:
    source = {"url": "x/*.mp4", "license": "CC0-1.0"}
    base = {"name": "r", "target": "t", "sources": {"s": source}}
    return make_plan(compile_recipe(base | document))


def footage(seed: int, seconds: int = 4) -> Footprint:
    """Pictures and movement of their own for every seed."""
    draw = np.random.default_rng(seed)
    count = seconds * 8
    whole = np.repeat(draw.integers(0, 256, (1, 32), np.uint8), count, axis=0)
    walk = np.cumsum(draw.normal(0, 4, (count, 6, 6)), axis=0) + 100
    return Footprint(
        times=(np.arange(count) / 8).astype(np.float32),
        hashes=whole,
        trace=walk.astype(np.float16),
        crop_times=np.arange(seconds).astype(np.float32),
        crops=draw.integers(0, 256, (seconds, 6, 32), np.uint8),
    )


def noisy(footprint: Footprint, share: float, seed: int = 0) -> Footprint:
    """A copy: some bits of its hashes are others."""
    draw = np.random.default_rng(seed)
    flips = np.packbits(draw.random((1, 256)) < share, axis=-1)
    return Footprint(
        times=footprint.times,
        hashes=footprint.hashes ^ flips,
        trace=footprint.trace,
        crop_times=footprint.crop_times,
        crops=footprint.crops,
    )


def clip(
    video: str,
    footprint: Footprint | None = None,
    *,
    start: int = 0,
    seconds: int = 4,
    source: str = "s",
    earlier: str | None = None,
    vectors: dict[str, npt.NDArray[np.float32]] | None = None,
    **signals: float,
) -> Contender:
    return Contender(
        fingerprint=hashlib.sha256(video.encode()).hexdigest(),
        span=Span(Fraction(start), Fraction(start + seconds)),
        name=f"{video}@{start}",
        source=source,
        signals={name.replace("__", "."): Signal(value) for name, value in signals.items()},
        footprint=footprint,
        vectors=vectors or {},
        earlier_split=earlier,
    )


def fell(settled: Settled, clips: list[Contender]) -> dict[str, str]:
    """Clip to its twin (or reason)."""
    out = {}
    for one in clips:
        fall = settled.falls.get((one.fingerprint, one.span))
        if fall is not None and one.earlier_split is None:
            twin = fall.signals.get("distinct.twin")
            out[one.name] = str(twin.value) if twin else fall.reason
    return out


def pool() -> list[Contender]:
    """Twelve videos of two clips; c0's first is copied in c1 and c2, c3's second in c4."""
    clips = [
        clip(f"c{v}", footage(100 * v + k), start=10 * k, seconds=4, luma__mean__median=10.0 * v)
        for v, k in itertools.product(range(12), range(2))
    ]
    clips[2] = clip("c1", noisy(footage(0), 0.05), luma__mean__median=50.0)
    clips[4] = clip("c2", noisy(footage(0), 0.08, 1), luma__mean__median=20.0)
    clips[9] = clip("c4", noisy(footage(301), 0.05), start=10, luma__mean__median=40.0)
    return clips


def test_of_copies_the_preferred_one_stays_and_the_others_name_it() -> None:
    clips = pool()
    settled = settle(plan(distinct={"prefer": "luma.mean.median"}), clips)
    assert fell(settled, clips) == {"c0@0": "c1@0", "c2@0": "c1@0", "c3@10": "c4@10"}
    fall = settled.falls[clips[0].fingerprint, clips[0].span]
    assert (fall.reason, fall.threshold) == ("duplicate", "distinct")
    distance = fall.signals["distinct.distance"].value
    assert isinstance(distance, float)
    assert fall.margin == pytest.approx(distance - 0.13)
    assert fall.margin < 0
    assert settled.copies[clips[2].fingerprint, clips[2].span] == 2


def test_without_a_preference_the_longer_one_stays() -> None:
    clips = [clip("a", footage(1)), clip("b", footage(1, 5), seconds=5), clip("c", footage(2))]
    assert fell(settle(plan(distinct={}), clips), clips) == {"a@0": "b@0"}


def test_nothing_falls_when_nothing_is_asked() -> None:
    settled = settle(plan(), pool())
    assert not settled.falls
    assert not settled.copies
    assert not settled.splits


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_clips_changes_nothing(shuffler: random.Random) -> None:
    document = {
        "distinct": {},
        "balance": {
            "light": {"by": "luma.mean.median", "buckets": [30, 60], "max_share": 0.4},
            "per": {"by": "video", "max_clips": 1},
        },
        "splits": {"test": 0.3},
    }
    clips = pool()
    first = settle(plan(**document), clips)
    shuffler.shuffle(clips)
    assert settle(plan(**document), clips) == first
    assert {fall.reason for fall in first.falls.values()} == {
        "duplicate",
        "over-quota:light",
        "over-quota:per",
    }


def test_what_stays_has_no_copy_that_stays() -> None:
    links = [
        Link(first=a, second=b, by="pictures", distance=0.1, limit=0.2)
        for a, b in [(0, 1), (1, 2), (2, 3), (0, 4)]
    ]
    assert {k: v.other(k) for k, v in best_first(range(6), links).items()} == {1: 0, 3: 2, 4: 0}
    assert {k: v.other(k) for k, v in best_first([1, 3, 0, 2, 4], links).items()} == {0: 1, 2: 1}


def test_the_nearest_twin_is_named() -> None:
    links = [
        Link(first=0, second=2, by="pictures", distance=0.1, limit=0.2),
        Link(first=1, second=2, by="pictures", distance=0.05, limit=0.2),
        Link(first=0, second=2, by="look", distance=0.001, limit=0.01),
    ]
    assert best_first(range(3), links)[2] == links[2]


def test_earlier_releases_stay_and_are_named() -> None:
    old = clip("v1:abc", noisy(footage(0), 0.03), earlier="test")
    clips = [*pool(), old]
    settled = settle(plan(distinct={}, splits={"test": 0.2}), clips)
    names = fell(settled, clips)
    assert {names[name] for name in ("c0@0", "c1@0", "c2@0")} == {"v1:abc@0"}
    assert (old.fingerprint, old.span) not in settled.falls
    # What shares footage with the published test set may not be trained on.
    assert {settled.splits[clips[k].fingerprint] for k in (0, 2, 4)} == {"test"}


def test_videos_that_share_footage_go_to_one_split() -> None:
    clips = pool()
    wanted = plan(distinct={}, splits={"test": 0.5})
    settled = settle(wanted, clips)
    for group in (["c0", "c1", "c2"], ["c3", "c4"]):
        prints = [hashlib.sha256(name.encode()).hexdigest() for name in group]
        alone = {split_of(wanted.recipe, one) for one in prints}
        together = {settled.splits[one] for one in prints}
        assert len(together) == 1
        assert together <= alone
    lonely = hashlib.sha256(b"c7").hexdigest()
    assert lonely not in settled.splits  # it keeps its own


def test_without_joining_the_groups_would_have_been_separated() -> None:
    # The test above means something only if their own splits differ.
    recipe = plan(splits={"test": 0.5}).recipe
    own = {split_of(recipe, hashlib.sha256(f"c{k}".encode()).hexdigest()) for k in range(3)}
    assert own == {"train", "test"}


def test_the_same_content_at_two_urls_counts_once() -> None:
    one = clip("a", footage(1))
    again = Contender(
        fingerprint=one.fingerprint, span=one.span, name="b@0", source="s", signals={},
        footprint=footage(1),
    )  # fmt: skip
    settled = settle(plan(distinct={}), [again, one])
    assert not settled.falls
    assert [kept.name for kept in settled.staying([again, one])] == ["a@0"]


def test_mirrored_copies_fall_only_when_asked_for() -> None:
    clips = [clip("a", footage(1)), clip("b", footage(1).mirrored())]
    assert not settle(plan(distinct={}), clips).falls
    (fall,) = settle(plan(distinct={"mirror": True}), clips).falls.values()
    assert fall.signals["distinct.by"] == Signal("pictures, mirrored")


def test_vectors_find_what_pictures_do_not() -> None:
    draw = np.random.default_rng(0)
    units = draw.standard_normal((4, 512)).astype(np.float32)
    units[3] = units[0] + 0.05 * draw.standard_normal(512)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    clips = [
        clip(f"v{k}", vectors={VECTORS: unit}, seconds=5 - k // 3) for k, unit in enumerate(units)
    ]
    wanted = plan(
        distinct={"pictures": False, "vectors": {"look": {"of": VECTORS, "max_distance": 0.05}}},
    )
    settled = settle(wanted, clips)
    assert fell(settled, clips) == {"v3@0": "v0@0"}
    (fall,) = settled.falls.values()
    assert fall.signals["distinct.by"] == Signal("look")


def test_quotas_hold_for_sources_and_splits_and_buckets() -> None:
    clips = [
        clip(f"q{k}", start=0, seconds=5, source="ab"[k % 2], luma__mean__median=float(k))
        for k in range(20)
    ]
    by_source = settle(plan(balance={"s": {"by": "source", "max_seconds": 20}}), clips)
    assert len(by_source.falls) == 12
    assert {fall.signals["balance.s"].value for fall in by_source.falls.values()} == {"a", "b"}
    best = settle(
        plan(balance={"l": {"by": "luma.mean.median", "buckets": [10], "max_clips": 2,
                            "prefer": "luma.mean.median"}}),
        clips,
    )  # fmt: skip
    stay = [c.name for c in clips if (c.fingerprint, c.span) not in best.falls]
    assert stay == ["q8@0", "q9@0", "q18@0", "q19@0"]
    groups = {fall.signals["balance.l"].value for fall in best.falls.values()}
    assert groups == {"-inf..10", "10..inf"}


def test_quotas_hold_for_clusters_and_for_one_identity() -> None:
    draw = np.random.default_rng(3)
    centres = draw.standard_normal((3, 64))
    clips = []
    for k in range(12):
        unit = centres[k % 3] + 0.1 * draw.standard_normal(64)
        unit = (unit / np.linalg.norm(unit)).astype(np.float32)
        clips.append(clip(f"k{k}", vectors={VECTORS: unit}))
    clips.append(clip("none"))
    for how in ({"clusters": 3}, {"max_distance": 0.1}):
        settled = settle(plan(balance={"g": {"by": VECTORS, "max_clips": 1, **how}}), clips)
        stay = {c.name for c in clips if (c.fingerprint, c.span) not in settled.falls}
        assert len(stay) == 4, how
        assert "none@0" in stay
        assert {int(name[1:-2]) % 3 for name in stay - {"none@0"}} == {0, 1, 2}


def test_clips_without_the_signal_make_a_group() -> None:
    clips = [clip("a"), clip("b"), clip("c", luma__mean__median=3.0)]
    settled = settle(plan(balance={"l": {"by": "luma.mean.median", "max_clips": 1}}), clips)
    assert [fall.signals["balance.l"] for fall in settled.falls.values()] == [Signal("absent")]


def test_rows_say_what_was_decided_and_keep_the_rest() -> None:
    clips = pool()
    settled = settle(plan(distinct={}), clips)
    dropped = next(c for c in clips if (c.fingerprint, c.span) in settled.falls)
    rest = Row(
        span=Span(Fraction(50), Fraction(60)),
        unit=Unit.rest,
        decision=Decision.dropped,
        reason="trim",
    )
    kept = Row(
        span=dropped.span,
        unit=Unit.clip,
        decision=Decision.kept,
        reason="ok",
        signals=dropped.signals,
    )
    now, same = settled.rows(dropped.fingerprint, [kept, rest])
    assert same is rest
    assert (now.decision, now.reason) == (Decision.dropped, "duplicate")
    assert now.signals["luma.mean.median"] == dropped.signals["luma.mean.median"]
    (stays,) = settled.rows("no such video", [kept])
    assert stays is kept
