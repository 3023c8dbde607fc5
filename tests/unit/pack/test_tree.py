from __future__ import annotations

import hashlib
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.pack.tree import ADDRESS_BITS, Leaf, address, leaves, shard_limit

LIMIT = 1000


def leaf(video: int, clip: int, size: int = 100) -> Leaf:
    one = hashlib.sha256(f"{video}/{clip}".encode()).hexdigest()[:16]
    return Leaf(address(f"{video:064x}", one), one, size)


samples = st.lists(
    st.builds(leaf, st.integers(0, 12), st.integers(0, 30), st.integers(1, 1500)),
    unique_by=lambda one: one.id,
    max_size=80,
)


@given(samples)
def test_every_sample_is_in_exactly_one_shard_that_fits(held: list[Leaf]) -> None:
    shards = leaves(held, limit_bytes=LIMIT)
    assert sorted(one for shard in shards.values() for one in shard) == sorted(held)
    for prefix, shard in shards.items():
        assert all(one.address.startswith(prefix) for one in shard)
        assert len(shard) == 1 or sum(one.size_bytes for one in shard) <= LIMIT


@given(samples)
def test_a_shard_is_split_only_when_its_parent_would_be_too_large(held: list[Leaf]) -> None:
    for prefix in leaves(held, limit_bytes=LIMIT):
        if prefix:
            parent = [one for one in held if one.address.startswith(prefix[:-1])]
            assert len(parent) > 1
            assert sum(one.size_bytes for one in parent) > LIMIT


@given(samples, st.randoms())
def test_the_order_of_the_samples_does_not_matter(held: list[Leaf], random: object) -> None:
    before = leaves(held, limit_bytes=LIMIT)
    random.shuffle(held)  # type: ignore[attr-defined]
    assert leaves(held, limit_bytes=LIMIT) == before


@given(samples, st.builds(leaf, st.integers(0, 12), st.integers(31, 40)))
def test_a_new_sample_touches_the_one_shard_that_it_falls_into(held: list[Leaf], new: Leaf) -> None:
    before = leaves(held, limit_bytes=LIMIT)
    after = leaves([*held, new], limit_bytes=LIMIT)
    touched = {prefix for prefix, shard in before.items() if after.get(prefix) != shard}
    assert all(new.address.startswith(prefix) for prefix in touched)
    assert len(touched) <= 1


def test_a_new_video_touches_one_shard_however_many_clips_it_has() -> None:
    held = [leaf(video, clip) for video in range(20) for clip in range(4)]
    before = leaves(held, limit_bytes=LIMIT)
    after = leaves([*held, *(leaf(99, clip) for clip in range(4))], limit_bytes=LIMIT)
    assert len(before) > 4
    assert sum(after.get(prefix) != shard for prefix, shard in before.items()) <= 1


def test_a_video_larger_than_a_shard_is_spread_over_several() -> None:
    shards = leaves([leaf(1, clip) for clip in range(50)], limit_bytes=LIMIT)
    assert len(shards) >= 5


def test_samples_of_one_address_share_a_shard_rather_than_loop_for_ever() -> None:
    same = "0" * ADDRESS_BITS
    held = [Leaf(same, "a", 900), Leaf(same, "b", 900)]
    assert leaves(held, limit_bytes=LIMIT) == {same: tuple(held)}


def test_no_sample_is_no_shard() -> None:
    assert leaves([], limit_bytes=LIMIT) == {}


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="room"):
        leaves([], limit_bytes=0)


def test_a_shard_is_a_small_part_of_its_set_and_never_larger_than_asked():
    most = 256 * 2**20
    for total in (2 * 10**7, 10**8, 10**9, 10**10):
        limit = shard_limit([total // 200] * 200, most_bytes=most)
        assert total / 400 < limit <= total / 96
    assert shard_limit([10**9] * 200, most_bytes=most) == most
    assert shard_limit([10**7] * 200, most_bytes=2**20) == 2**20
    assert shard_limit([10**5] * 10, most_bytes=most) == most, "a few are one file"


def test_the_limit_changes_only_when_a_set_has_grown_fourfold():
    limits = [shard_limit([10**6] * count, most_bytes=2**40) for count in range(64, 20_000)]
    changes = [b / a for a, b in itertools.pairwise(limits) if a != b]
    assert changes == [4.0] * len(changes)
    assert len(changes) <= 5


@pytest.mark.parametrize("mean_bytes", [150_000, 1_000_000, 6_000_000])
@pytest.mark.parametrize("clips", [1, 4])
def test_adding_one_video_to_two_hundred_rewrites_two_percent_at_most(mean_bytes, clips):
    for seed in range(10):
        chance = random.Random(seed)
        videos = [_video(f"{seed}-{one}", chance, mean_bytes, clips) for one in range(201)]
        before, after = (_shards(videos[:count]) for count in (200, 201))
        size = {prefix: sum(leaf.size_bytes for leaf in held) for prefix, held in after.items()}
        rewritten = sum(size[one] for one in after if after[one] != before.get(one))
        assert rewritten <= 0.02 * sum(size.values())


def _video(name, chance, mean_bytes, clips):
    fingerprint = hashlib.sha256(name.encode()).hexdigest()
    sizes = [int(mean_bytes * chance.uniform(0.3, 1.7)) for _ in range(clips)]
    ids = [f"{name}-{number}" for number in range(clips)]
    return [
        Leaf(address(fingerprint, one), one, size) for one, size in zip(ids, sizes, strict=True)
    ]


def _shards(videos):
    held = [leaf for video in videos for leaf in video]
    limit = shard_limit([leaf.size_bytes for leaf in held], most_bytes=256 * 2**20)
    return leaves(held, limit_bytes=limit)
