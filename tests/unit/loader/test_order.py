from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.loader.order import Order, Share, Uneven

GROUPS = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)
SHARES = st.builds(
    Share, ranks=st.integers(1, 5), workers=st.integers(1, 4), batch=st.integers(1, 4)
)


def order(groups, **changes):
    given = {"shuffle": True, "seed": 3, "epoch": 0, "pool": 8} | changes
    return Order(groups=groups, **given)


def everybody(share, total, *, uneven=Uneven.keep, start=0):
    """The batches of every rank, in the order in which its `DataLoader` gives them."""
    ranks = []
    for rank in range(share.ranks):
        turns = [
            iter(
                Share(
                    rank=rank,
                    ranks=share.ranks,
                    worker=worker,
                    workers=share.workers,
                    batch=share.batch,
                    uneven=uneven,
                ).batches(total, start)
            )
            for worker in range(share.workers)
        ]
        ranks.append([])
        while turns:  # round robin, and who has no more is asked no more
            turns = [one for one in turns if take(one, ranks[-1])]
    return ranks


def take(worker, into):
    for batch in worker:
        into.append(batch)
        return True
    return False


@given(groups=GROUPS, pool=st.integers(1, 40), epoch=st.integers(0, 3))
def test_an_epoch_has_every_sample_once(groups, pool, epoch):
    made = order(groups, pool=pool, epoch=epoch)
    assert sorted(map(made.at, range(len(made)))) == list(range(sum(groups)))


@given(groups=GROUPS, pool=st.integers(1, 40), positions=st.data())
def test_the_order_does_not_depend_on_what_was_asked_before(groups, pool, positions):
    told = [order(groups, pool=pool).at(p) for p in range(sum(groups))]
    made = order(groups, pool=pool)
    asked = positions.draw(st.lists(st.integers(0, sum(groups) - 1), max_size=20))
    assert [made.at(p) for p in asked] == [told[p] for p in asked]


def test_another_epoch_or_seed_has_another_order_and_none_without_shuffle():
    groups = [20] * 6
    told = [[order(groups, **c).at(p) for p in range(120)] for c in ({}, {"epoch": 1}, {"seed": 4})]
    assert len({tuple(one) for one in told}) == 3
    assert [order(groups, shuffle=False).at(p) for p in range(120)] == list(range(120))


def test_samples_of_a_pool_are_mixed_and_no_more_row_groups_are_open_than_it_takes():
    groups, pool = [10] * 30, 40
    made = order(groups, pool=pool)
    for start in range(0, 300, pool):
        held = [made.at(p) // 10 for p in range(start, min(start + pool, 300))]
        assert len(set(held)) == len(held) // 10
        assert held != sorted(held)


@given(share=SHARES, total=st.integers(0, 60))
def test_every_position_is_given_once_for_any_ranks_and_workers(share, total):
    given = [p for rank in everybody(share, total) for _, ps in rank for p in ps]
    assert sorted(given) == list(range(total))


@given(share=SHARES, total=st.integers(0, 60))
def test_the_number_of_workers_changes_no_batch(share, total):
    alone = Share(ranks=share.ranks, batch=share.batch)
    assert everybody(share, total) == everybody(alone, total)


@given(share=SHARES, then=SHARES, total=st.integers(1, 60), cut=st.integers(0, 20))
def test_a_stopped_epoch_goes_on_with_other_ranks_workers_and_batches(share, then, total, cut):
    ranks = everybody(share, total)
    cut = min(cut, *(len(rank) for rank in ranks))  # all ranks stop after the same step
    done = [p for rank in ranks for _, ps in rank[:cut] for p in ps]
    stand = {rank[cut - 1][0] for rank in ranks} if cut else {0}
    assert len(stand) == 1
    rest = [p for rank in everybody(then, total, start=stand.pop()) for _, ps in rank for p in ps]
    assert Counter(done + rest) == Counter(range(total))


@given(share=SHARES, total=st.integers(0, 60), given=st.integers(0, 6))
def test_a_worker_goes_on_after_what_it_gave(share, total, given):
    assert list(share.batches(total, 0, given)) == list(share.batches(total))[given:]


@given(share=SHARES, total=st.integers(1, 60), uneven=st.sampled_from([Uneven.drop, Uneven.pad]))
def test_dropped_or_padded_all_ranks_give_the_same_number_of_full_batches(share, total, uneven):
    ranks = everybody(share, total, uneven=uneven)
    assert len({len(rank) for rank in ranks}) == 1
    assert all(len(ps) == share.batch for rank in ranks for _, ps in rank)
    count = Counter(p for rank in ranks for _, ps in rank for p in ps)
    if uneven is Uneven.drop:
        assert set(count.values()) <= {1}
        assert total - count.total() < share.stride
    else:
        assert set(count) == set(range(total))
        assert count.total() - total < share.stride


@given(share=SHARES, total=st.integers(0, 60), uneven=st.sampled_from(list(Uneven)))
def test_the_number_of_batches_is_known_beforehand(share, total, uneven):
    for rank, batches in enumerate(everybody(share, total, uneven=uneven)):
        one = Share(rank=rank, ranks=share.ranks, batch=share.batch, uneven=uneven)
        assert one.count(total) == len(batches)


@pytest.mark.parametrize("uneven", list(Uneven))
def test_no_samples_give_no_batches(uneven):
    assert list(Share(batch=4, uneven=uneven).batches(0)) == []
