"""Blocks of shared memory: used again once nobody looks at them, and never before."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, IterableDataset  # noqa: E402

from curator.loader.lending import BLOCKS  # noqa: E402

COUNT = 24
SHAPE = (2, 300_000)


class Lending(IterableDataset):
    """Tensors full of their own number, whole, in rows, or twice."""

    def __init__(self, send):
        self._send = send

    def __iter__(self):
        for number in range(COUNT):
            lent = BLOCKS.lend(SHAPE)
            lent.fill_(number)
            place = getattr(lent, "number", None)
            yield {"number": number, "block": place, **self._send(lent)}


class Twice(Lending):
    """Numbers that no two workers share."""

    def __iter__(self):
        shift = 100 * torch.utils.data.get_worker_info().id
        for item in super().__iter__():
            item["data"] += shift
            yield item | {"number": item["number"] + shift}


def whole(lent):
    return {"data": lent}


def rows(lent):
    return {"data": lent[0], "more": lent[1:, 100:]}


def both(lent):
    return {"data": lent, "more": lent[1]}


_KEPT = []


def kept(lent):
    """A worker that sends one tensor again and again."""
    _KEPT[1:] = []
    _KEPT.append(lent)
    return {"data": lent, "more": _KEPT[0]}


def read(send):
    return DataLoader(Lending(send), batch_size=None, num_workers=1)


def test_blocks_are_used_again():
    seen = []
    for item in read(whole):
        assert bool((item["data"] == item["number"]).all())
        seen.append(item["block"])
        del item
    assert seen.count(None) == 0
    assert len(set(seen)) < COUNT / 3


@pytest.mark.parametrize("send", [whole, rows, both, kept])
def test_what_is_held_does_not_change(send):
    held = []
    for item in read(send):
        if item["number"] % 3 == 0:
            held.append(item)
        del item
    for item in held:
        assert bool((item["data"] == item["number"]).all())
        expected = 0 if send is kept else item["number"]
        assert bool((item.get("more", torch.tensor(expected)) == expected).all())


def test_all_of_them_may_be_held():
    items = list(read(whole))
    assert all(bool((item["data"] == item["number"]).all()) for item in items)
    assert [item["block"] for item in items].count(None) > 0


def test_a_view_keeps_its_block():
    views = [item["data"][1, 7:9] for item in read(whole)]
    assert [view.tolist() for view in views] == [[k, k] for k in range(COUNT)]


def test_workers_do_not_write_to_what_they_inherit():
    mine = [BLOCKS.lend(SHAPE) for _ in range(3)]
    for tensor in mine:
        tensor.fill_(200)
    items = list(DataLoader(Twice(whole), batch_size=None, num_workers=2))
    assert all(bool((item["data"] == item["number"]).all()) for item in items)
    assert all(bool((tensor == 200).all()) for tensor in mine)
