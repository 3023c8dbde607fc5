"""Windows are the same, wherever the clips of a release lie."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

import curator
from curator.errors import LoaderError
from tests.loading import release
from tests.unit.loader.conftest import SHAPES


@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_items_are_those_of_tables(folder: Path, layout: str, tmp_path: Path) -> None:
    lain = release(tmp_path / "made", SHAPES, layout=layout)
    want = curator.load(folder, window_seconds=0.5, seed=7)
    got = pickle.loads(pickle.dumps(curator.load(lain, window_seconds=0.5, seed=7)))
    assert len(got) == len(want) == len(SHAPES)
    found = {one["id"]: one for one in (got[n] for n in range(len(SHAPES)))}
    for number in range(len(SHAPES)):
        item = want[number]
        same = found[item["id"]]
        assert same.keys() == item.keys()
        for name, value in item.items():
            if isinstance(value, torch.Tensor):
                assert same[name].equal(value), name
            else:
                assert same[name] == value, name


@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_a_split_that_is_not_there_is_named(layout: str, tmp_path: Path) -> None:
    lain = release(tmp_path / "made", SHAPES[:2], layout=layout)
    with pytest.raises(LoaderError) as caught:
        curator.load(lain, split="test")
    assert (caught.value.reason, caught.value.hint) == ("no-split", "it has train")
