"""The block grid on pictures of known mosaic."""

from __future__ import annotations

import numpy as np
import pytest

from curator.measure.blockiness import Blockiness
from curator.testing.tiles import Footage, run


def _ramp_with_grain(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ramp = np.linspace(40, 200, 640)[None, :] + rng.normal(0, 2, (360, 640))
    return np.clip(ramp, 0, 255)


def _mosaic(picture: np.ndarray, share: float, *, size: int = 8, shift: int = 0) -> np.ndarray:
    """`share` of the way from the picture to the means of its blocks."""
    moved = np.roll(picture, -shift, axis=(0, 1))
    blocks = moved.reshape(360 // size, size, 640 // size, size).mean(axis=(1, 3))
    flat = np.repeat(np.repeat(blocks, size, axis=0), size, axis=1)
    mixed = np.roll((1 - share) * moved + share * flat, shift, axis=(0, 1))
    return np.round(mixed).astype(np.uint8)


def _score(picture: np.ndarray) -> float:
    return float(run(Blockiness(), Footage(picture[None]))["score"].values[0])


def test_a_picture_without_a_grid_scores_nothing() -> None:
    assert _score(_ramp_with_grain().astype(np.uint8)) == pytest.approx(0, abs=0.03)


def test_more_mosaic_scores_higher() -> None:
    scores = [_score(_mosaic(_ramp_with_grain(), share)) for share in (0, 0.3, 0.6, 0.9)]
    assert scores == sorted(scores)
    assert scores[-1] > 0.5 > 0.1 > scores[0]


def test_blocks_off_the_grid_are_not_the_codecs() -> None:
    assert _score(_mosaic(_ramp_with_grain(), 0.8, shift=4)) == pytest.approx(0)


def test_one_strong_edge_on_the_grid_does_not_decide() -> None:
    picture = _ramp_with_grain()
    picture[:, 320:] += 40
    assert _score(np.clip(picture, 0, 255).astype(np.uint8)) < 0.1


def test_a_plain_picture_has_no_score() -> None:
    assert np.isnan(_score(np.full((360, 640), 90, np.uint8)))


def test_a_picture_below_the_size_of_a_patch_has_no_score() -> None:
    assert np.isnan(_score(_ramp_with_grain()[:100, :100].astype(np.uint8)))
