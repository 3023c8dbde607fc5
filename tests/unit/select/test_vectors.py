"""Near vectors and their groups."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pytest

from curator.errors import MeasureError
from curator.select.vectors import chains, directions, kmeans, near_pairs


def twins(count: int = 300, size: int = 64, seed: int = 0) -> npt.NDArray[np.float32]:
    """Unit vectors; the last ten are near the first ten."""
    random = np.random.default_rng(seed)
    units = directions(random.standard_normal((count, size)))
    near = units[:10] + 0.02 * random.standard_normal((10, size))
    return directions(np.concatenate([units[: count - 10], near]))


EXPECTED = [[k, 290 + k] for k in range(10)]


@pytest.mark.parametrize("index", ["exact", "faiss"])
def test_twins_are_found_and_strangers_are_not(index: str) -> None:
    if index == "faiss":
        pytest.importorskip("faiss")
    pairs, distances = near_pairs(twins(), max_distance=0.05, index=index)
    assert pairs.tolist() == EXPECTED
    exact = [1 - float(twins()[a].astype(float) @ twins()[b].astype(float)) for a, b in EXPECTED]
    assert distances == pytest.approx(exact, abs=1e-9)


def test_faiss_finds_what_all_pairs_find_through_projections() -> None:
    pytest.importorskip("faiss")
    units = twins(3000, 512, seed=1).astype(np.float16)
    exact, near = near_pairs(units, max_distance=0.2, index="exact")
    found, distances = near_pairs(units, max_distance=0.2, index="faiss")
    assert len(exact) == 10
    assert found.tolist() == exact.tolist()
    assert distances.tolist() == near.tolist()


def test_a_distance_on_the_bound_counts() -> None:
    units = directions(np.array([[1.0, 0.0], [0.6, 0.8]]))
    distance = float(near_pairs(units, max_distance=0.5)[1][0])
    assert distance == pytest.approx(0.4)
    assert len(near_pairs(units, max_distance=distance)[0]) == 1
    assert len(near_pairs(units, max_distance=distance - 1e-6)[0]) == 0


def test_what_has_no_direction_is_near_nothing() -> None:
    units = directions(np.array([[0.0, 0.0], [0.0, 0.0], [np.nan, 1.0], [np.nan, 1.0]]))
    assert not units.any()
    assert len(near_pairs(units, max_distance=0.9)[0]) == 0


def test_without_faiss_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MeasureError) as caught:
        near_pairs(twins(), max_distance=0.1, index="faiss")
    assert caught.value.reason == "dedup-missing"
    assert "dedup" in (caught.value.hint or "")


def test_chains_are_named_by_their_smallest_member() -> None:
    assert chains(6, [(4, 2), (5, 4), (0, 1)]) == [0, 0, 2, 3, 2, 2]


def test_kmeans_tells_directions_apart() -> None:
    random = np.random.default_rng(0)
    centres = directions(random.standard_normal((4, 16)))
    truth = np.repeat(np.arange(4), 25)
    units = directions(centres[truth] + 0.1 * random.standard_normal((100, 16)))
    labels = np.array(kmeans(units, 4))
    assert all(len(set(labels[truth == k].tolist())) == 1 for k in range(4))
    assert len(set(labels.tolist())) == 4
    assert kmeans(units[:3], 4) == [0, 1, 2]
