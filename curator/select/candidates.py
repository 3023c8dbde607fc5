"""Which clips are worth comparing: those that share a picture, found without comparing all pairs.

Small sets are compared hash by hash. Large ones are sorted by samples of their bits (locality
sensitive hashing: Indyk and Motwani, STOC 1998): hashes that differ in few bits agree on a random
sample often enough, and 64 samples are tried. The samples are drawn with a fixed seed, so the same clips give
the same candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.select.footprint import Bits, Footprint, mirrored_bits

__all__ = ["candidates", "near_rows"]

_Ints: TypeAlias = npt.NDArray[np.int64]

_EXACT_COMPARISONS = 10**9
"""Up to this many comparisons of hashes, all are made: a few seconds."""
_TABLES = 64
_SAMPLED_BYTES = 3
_NEIGHBOURS = 16
"""Rows looked at beyond each one in a bucket; longer buckets are ordered, so that what is equal is adjacent."""
_EVERY = 2
"""Every second hash, four per second, is looked up: pictures an eighth of a second apart are much alike."""


def candidates(
    clips: Sequence[Footprint], *, max_looks: float, mirror: bool = False
) -> list[tuple[int, int]]:
    """Pairs ``(i, j)`` with ``i < j`` of clips that show a picture within `max_looks` of each other.

    A picture of one clip is compared with the pictures and the crops of the others (and with their
    mirror images).

    Args:
        max_looks: share of bits.
    """
    whole, owner = _rows([clip.hashes[::_EVERY] for clip in clips])
    variants = [[clip.crops.reshape(-1, clip.hashes.shape[1]) for clip in clips]]
    if mirror:
        variants.append([mirrored_bits(clip.hashes[::_EVERY]) for clip in clips])
        variants.append([mirrored_bits(rows) for rows in variants[0]])
    parts = [_rows(variant) for variant in variants]
    bits = np.concatenate([whole, *(rows for rows, _ in parts)])
    owners = np.concatenate([owner, *(own for _, own in parts)])
    most = round(256 * max_looks)
    pairs = near_rows(bits, owners, num_whole=len(whole), most=most)
    return [(int(a), int(b)) for a, b in pairs]


def near_rows(
    bits: Bits, owners: _Ints, *, num_whole: int, most: int, exact: bool | None = None
) -> _Ints:
    """``(k, 2)`` sorted pairs of owners with rows that differ in at most `most` bits, one of them whole.

    Args:
        bits: ``(n, 32)``; the first `num_whole` rows are of whole pictures, the rest of variants.
        owners: ``(n,)`` whose row it is.
        exact: compare all; by the amount of work when None.
    """
    if not len(bits):
        return np.empty((0, 2), np.int64)
    words = np.ascontiguousarray(bits).view(np.uint64)
    if exact is None:
        exact = num_whole * len(bits) <= _EXACT_COMPARISONS
    find = _all_pairs if exact else _sampled_pairs
    codes = find(words, owners, num_whole, most)
    count = int(owners.max()) + 1
    return np.stack([codes // count, codes % count], axis=1)


def _rows(parts: Sequence[Bits]) -> tuple[Bits, _Ints]:
    """Rows that are pictures (not all zero), and the number of the part that each comes from."""
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    rows = np.concatenate([np.empty((0, 32), np.uint8), *parts])
    told = rows.any(axis=1)
    return rows[told], owner[told]


def _differ(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint16]:
    return np.asarray(np.bitwise_count(a ^ b).sum(axis=-1, dtype=np.uint16))


def _codes(first: _Ints, second: _Ints, count: int) -> _Ints:
    """One number for each pair of owners, without pairs of one."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.unique((low * count + high)[low != high])


def _all_pairs(words: npt.NDArray[np.uint64], owners: _Ints, num_whole: int, most: int) -> _Ints:
    count = int(owners.max()) + 1
    found = [np.empty(0, np.int64)]
    step = max(1, 4_000_000 // len(words))
    for begin in range(0, num_whole, step):
        differ = _differ(words[begin : min(begin + step, num_whole), None], words[None])
        rows, columns = np.nonzero(differ <= most)
        found.append(_codes(owners[rows + begin], owners[columns], count))
    return np.unique(np.concatenate(found))


def _sampled_pairs(
    words: npt.NDArray[np.uint64], owners: _Ints, num_whole: int, most: int
) -> _Ints:
    """The same by samples of three bytes: of millions of rows, a bucket then holds few strangers."""
    count = int(owners.max()) + 1
    random = np.random.default_rng(0)
    octets = words.view(np.uint8).reshape(len(words), -1)
    found = np.empty(0, np.int64)
    for _ in range(_TABLES):
        key = np.zeros(len(words), np.uint64)
        for place in random.permutation(octets.shape[1])[:_SAMPLED_BYTES]:
            key = (key << np.uint64(8)) | octets[:, place]
        # Inside a bucket in the order of the first bits, so that equals are adjacent.
        rows = np.argsort((key << np.uint64(40)) | (words[:, 0] >> np.uint64(24)), kind="stable")
        codes = _neighbours(words, key[rows], rows, owners, num_whole, most, count)
        found = np.unique(np.concatenate([found, *codes]))
    return found


def _neighbours(
    words: npt.NDArray[np.uint64],
    keys: npt.NDArray[np.uint64],
    rows: _Ints,
    owners: _Ints,
    num_whole: int,
    most: int,
    count: int,
) -> list[_Ints]:
    """Pairs of near rows that are at most `_NEIGHBOURS` apart in the same bucket."""
    found = []
    for ahead in range(1, min(_NEIGHBOURS, len(rows) - 1) + 1):
        at = np.flatnonzero(keys[:-ahead] == keys[ahead:])
        if not len(at):
            break
        a, b = rows[at], rows[at + ahead]
        usable = (np.minimum(a, b) < num_whole) & (owners[a] != owners[b])
        a, b = a[usable], b[usable]
        near = _differ(words[a], words[b]) <= most
        found.append(_codes(owners[a[near]], owners[b[near]], count))
    return found
