"""Which clips are worth comparing: those that share a picture, found without comparing all pairs.

Small sets are compared hash by hash. Large ones are sorted by samples of their bits (locality
sensitive hashing: Indyk and Motwani, STOC 1998): hashes that differ in few bits agree on a random
sample often enough, and 48 samples are tried. The samples are drawn with a fixed seed, so the same clips give
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
_TABLES = 48
_NEIGHBOURS = 16
"""Rows looked at beyond each one in a bucket; longer buckets are ordered, so that what is equal is adjacent."""
_PER_SECOND = 8


def candidates(
    clips: Sequence[Footprint], *, max_distance: float, mirror: bool = False
) -> list[tuple[int, int]]:
    """Pairs ``(i, j)`` with ``i < j`` of clips that show a picture within `max_distance` of each other.

    A picture of one clip is compared with the pictures and the crops of the others (and with their
    mirror images).

    Args:
        max_distance: share of bits.
    """
    whole, owner = _rows([clip.hashes[::_PER_SECOND] for clip in clips])
    variants = [[clip.crops.reshape(-1, clip.hashes.shape[1]) for clip in clips]]
    if mirror:
        variants.append([mirrored_bits(clip.hashes[::_PER_SECOND]) for clip in clips])
        variants.append([mirrored_bits(rows) for rows in variants[0]])
    parts = [_rows(variant) for variant in variants]
    bits = np.concatenate([whole, *(rows for rows, _ in parts)])
    owners = np.concatenate([owner, *(own for _, own in parts)])
    most = round(256 * max_distance)
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
    """The same by bit samples, as long as the number of rows has bits: then a bucket holds few strangers."""
    count = int(owners.max()) + 1
    random = np.random.default_rng(0)
    length = min(max(len(words).bit_length(), 12), 30)
    whole = np.arange(len(words)) < num_whole
    found = [np.empty(0, np.int64)]
    for _ in range(_TABLES):
        keys = _sample(words, random.permutation(256)[:length])
        order = np.lexsort((words[:, 0], keys))
        keys, rows = keys[order], order
        for ahead in range(1, min(_NEIGHBOURS, len(rows) - 1) + 1):
            a, b = rows[:-ahead], rows[ahead:]
            same = (
                (keys[:-ahead] == keys[ahead:]) & (whole[a] | whole[b]) & (owners[a] != owners[b])
            )
            if not same.any():
                continue
            a, b = a[same], b[same]
            near = _differ(words[a], words[b]) <= most
            found.append(_codes(owners[a[near]], owners[b[near]], count))
        found = [np.unique(np.concatenate(found))]
    return found[0]


def _sample(words: npt.NDArray[np.uint64], places: _Ints) -> npt.NDArray[np.uint32]:
    key = np.zeros(len(words), np.uint32)
    for place in places:
        bit = (words[:, place // 64] >> np.uint64(place % 64)) & np.uint64(1)
        key = (key << np.uint32(1)) | bit.astype(np.uint32)
    return key
