"""Which clips share a picture: all pairs, and samples of bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from curator.select.candidates import candidates, near_rows
from curator.select.footprint import Footprint, mirrored_bits


def flipped(bits: npt.NDArray[np.uint8], share: float, seed: int = 9) -> npt.NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    return bits ^ np.packbits(random.random((*bits.shape[:-1], 256)) < share, axis=-1)


def clips(count: int = 60, seconds: int = 5) -> list[Footprint]:
    """Strangers; the last ten are copies of the first ten: of the whole, and of a crop."""
    random = np.random.default_rng(4)
    out = []
    for _ in range(count - 10):
        whole = random.integers(0, 256, (seconds * 8, 32), np.uint8)
        crops = random.integers(0, 256, (seconds, 6, 32), np.uint8)
        out.append(clip(whole, crops))
    for k in range(10):
        whole = out[k].hashes if k < 5 else np.repeat(out[k].crops[:, k % 6], 8, axis=0)
        out.append(clip(flipped(whole, 0.08), random.integers(0, 256, (seconds, 6, 32), np.uint8)))
    return out


def clip(whole: npt.NDArray[np.uint8], crops: npt.NDArray[np.uint8]) -> Footprint:
    return Footprint(
        times=(np.arange(len(whole)) / 8).astype(np.float32),
        hashes=whole,
        trace=np.zeros((len(whole), 6, 6), np.float16),
        crop_times=np.arange(len(crops)).astype(np.float32),
        crops=crops,
    )


COPIES = [(k, 50 + k) for k in range(10)]


def test_copies_are_found_and_strangers_are_not() -> None:
    assert candidates(clips(), max_looks=0.2) == COPIES


def test_mirrored_copies_are_found_when_asked_for() -> None:
    some = clips()
    some[55:] = [clip(mirrored_bits(one.hashes), one.crops) for one in some[55:]]
    assert candidates(some, max_looks=0.2) == COPIES[:5]
    assert candidates(some, max_looks=0.2, mirror=True) == COPIES


def test_samples_find_what_all_pairs_find() -> None:
    some = clips(400)
    whole = np.concatenate([one.hashes[::8] for one in some])
    crops = np.concatenate([one.crops.reshape(-1, 32) for one in some])
    bits = np.concatenate([whole, crops])
    owners = np.concatenate([np.repeat(np.arange(400), 5), np.repeat(np.arange(400), 30)])
    exact = near_rows(bits, owners, num_whole=len(whole), most=51, exact=True)
    sampled = near_rows(bits, owners, num_whole=len(whole), most=51, exact=False)
    assert exact.tolist() == [[k, 390 + k] for k in range(10)]
    assert sampled.tolist() == exact.tolist()


def test_a_crowd_of_equals_stays_connected() -> None:
    one = np.random.default_rng(1).integers(0, 256, (1, 32), np.uint8)
    bits, owners = np.repeat(one, 500, 0), np.arange(500)
    pairs = near_rows(bits, owners, num_whole=500, most=10, exact=False)
    assert len(pairs) <= 500 * 16
    assert set(pairs.ravel().tolist()) == set(range(500))


def test_blank_pictures_are_like_nothing() -> None:
    blank = clip(np.zeros((8, 32), np.uint8), np.zeros((1, 6, 32), np.uint8))
    assert candidates([blank, blank], max_looks=0.2) == []
    assert candidates([], max_looks=0.2) == []


@pytest.mark.parametrize("exact", [True, False])
def test_crops_alone_make_no_pair(exact: bool) -> None:
    # Crops of two pictures may well be of the same plain wall.
    same = np.random.default_rng(2).integers(0, 256, (1, 32), np.uint8)
    whole = np.random.default_rng(3).integers(0, 256, (2, 32), np.uint8)
    bits = np.concatenate([whole, same, same])
    pairs = near_rows(bits, np.array([0, 1, 0, 1]), num_whole=2, most=40, exact=exact)
    assert pairs.tolist() == []
