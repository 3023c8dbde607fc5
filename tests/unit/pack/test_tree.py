from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.pack.tree import ADDRESS_BITS, Leaf, address, leaves

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
