"""Clips whose embeddings point the same way: near pairs, and groups.

`exact` compares all pairs in blocks. `faiss` looks through the nearest cells of an inverted file
over random projections to 128 numbers (of a million vectors: half a GiB) and keeps the 32 nearest of each.
Whichever finds a pair, its distance is computed here in the same way, so that a bound means the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.errors import MeasureError

__all__ = ["EXACT_UP_TO", "chains", "directions", "kmeans", "near_pairs"]

Vectors: TypeAlias = npt.NDArray[np.floating]
_Ints: TypeAlias = npt.NDArray[np.int64]
_Floats: TypeAlias = npt.NDArray[np.float64]

EXACT_UP_TO = 20_000
"""Vectors of which all pairs are compared when nothing else was asked for."""
_BLOCK = 2048
_NEAREST = 32
_CELLS_LOOKED_AT = 6
_PROJECTED = 128
_SAMPLES_PER_CELL = 40
_SLACK = 1e-3
"""Single (and half) precision may put a pair on the wrong side of the bound by less than this."""


def directions(vectors: Vectors) -> npt.NDArray[np.float32]:
    """``(n, d)`` unit vectors; one without length or with NaN becomes zeros, which are near nothing."""
    wide = np.nan_to_num(np.asarray(vectors, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if np.isnan(vectors).any():
        wide[np.isnan(vectors).any(axis=1)] = 0
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0))


def near_pairs(
    units: Vectors, *, max_distance: float, index: str = "auto"
) -> tuple[_Ints, _Floats]:
    """``(k, 2)`` sorted pairs ``i < j`` of unit vectors within a cosine distance, and ``(k,)`` the distances.

    Args:
        units: ``(n, d)`` of any float type, as `directions` makes them.
        index: ``exact``, ``faiss``, or ``auto``: exact up to `EXACT_UP_TO` vectors.

    Raises:
        MeasureError: ``dedup-missing`` when faiss is wanted and not installed.
    """
    if index == "auto":
        index = "exact" if len(units) <= EXACT_UP_TO else "faiss"
    find = _exact if index == "exact" else _inverted_file
    found = find(units, max_distance)
    pairs = np.unique(found, axis=0)
    distances = _distances(units, pairs)
    near = distances <= max_distance
    return pairs[near], distances[near]


def chains(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """``(count,)`` the smallest member of the group that each one belongs to by chains of pairs."""
    parent = list(range(count))

    def root(x: int) -> int:
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return [root(x) for x in range(count)]


def kmeans(units: Vectors, clusters: int, *, rounds: int = 20) -> list[int]:
    """``(n,)`` group of each unit vector: spherical k-means, begun at far-apart vectors.

    The result depends on the order of the vectors, so give them in an order of their own.
    """
    if len(units) <= clusters:
        return list(range(len(units)))
    centres = _far_apart(units, clusters)
    label = np.zeros(len(units), np.int64)
    for _ in range(rounds):
        new = np.concatenate(
            [
                np.asarray(units[i : i + _BLOCK] @ centres.T).argmax(axis=1)
                for i in range(0, len(units), _BLOCK)
            ]
        )
        if np.array_equal(new, label):
            break
        label = new
        sums = np.zeros(centres.shape, np.float64)
        np.add.at(sums, label, units)
        held = np.bincount(label, minlength=clusters) > 0
        centres[held] = directions(sums[held])
    groups: list[int] = label.tolist()
    return groups


def _far_apart(units: Vectors, clusters: int) -> npt.NDArray[np.float32]:
    """The first vector, then ever the one that is farthest from those chosen (Gonzalez, 1985)."""
    chosen = [0]
    nearest = np.asarray(units @ units[0], np.float64)
    for _ in range(clusters - 1):
        far = int(nearest.argmin())
        chosen.append(far)
        nearest = np.maximum(nearest, units @ units[far])
    return np.array(units[chosen], np.float32)


def _exact(units: Vectors, max_distance: float) -> _Ints:
    least = 1 - max_distance - _SLACK
    found = [np.empty((0, 2), np.int64)]
    for begin in range(0, len(units), _BLOCK):
        rows = np.asarray(units[begin : begin + _BLOCK], np.float32)
        for other in range(begin, len(units), _BLOCK):
            columns = np.asarray(units[other : other + _BLOCK], np.float32)
            near = np.argwhere(rows @ columns.T >= least) + np.array([begin, other])
            found.append(near[near[:, 0] < near[:, 1]])
    return np.concatenate(found)


def _inverted_file(units: Vectors, max_distance: float) -> _Ints:
    faiss = _faiss()
    count, size = len(units), min(_PROJECTED, units.shape[1])
    project = _projection(units.shape[1], size)
    # Of k numbers a distance d is known to about d * sqrt(2 / k); four times that lets nothing near get lost.
    widened = max_distance * (1 + 4 * (2 / size) ** 0.5 * (size < units.shape[1])) + _SLACK
    cells = max(1, min(round(2 * count**0.5), count // _SAMPLES_PER_CELL))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(size), size, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 10
    # Every k-th vector: a sample that is the same for the same vectors.
    index.train(project(units[:: max(1, count // (cells * _SAMPLES_PER_CELL))]))
    block = 16 * _BLOCK
    for begin in range(0, count, block):
        index.add(project(units[begin : begin + block]))
    index.nprobe = min(_CELLS_LOOKED_AT, cells)
    found = [np.empty((0, 2), np.int64)]
    for begin in range(0, count, block):
        likeness, other = index.search(project(units[begin : begin + block]), _NEAREST)
        rows, places = np.nonzero((likeness >= 1 - widened) & (other >= 0))
        pairs = np.stack([rows + begin, other[rows, places]], axis=1)
        found.append(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1))
    return np.concatenate(found)


def _projection(wide: int, size: int) -> Callable[[Vectors], npt.NDArray[np.float32]]:
    """Vectors to directions of `size` numbers between which angles are nearly kept (Johnson and Lindenstrauss, 1984)."""
    if size == wide:
        return lambda some: np.ascontiguousarray(some, np.float32)
    matrix = np.random.default_rng(0).standard_normal((wide, size), np.float32)
    return lambda some: directions(np.asarray(some, np.float32) @ matrix)


def _faiss() -> ModuleType:
    try:
        import faiss
    except ImportError as error:
        raise MeasureError(
            f"more than {EXACT_UP_TO} vectors are compared with faiss, which is not installed",
            reason="dedup-missing",
            hint="pip install 'curator-build[dedup]', or distinct.index=exact and patience",
        ) from error
    module: ModuleType = faiss
    return module


def _distances(units: Vectors, pairs: _Ints) -> _Floats:
    out = np.empty(len(pairs), np.float64)
    for begin in range(0, len(pairs), _BLOCK):
        a, b = pairs[begin : begin + _BLOCK].T
        products = units[a].astype(np.float64) * units[b].astype(np.float64)
        out[begin : begin + _BLOCK] = 1 - products.sum(axis=1)
    return np.clip(out, 0, 2)
