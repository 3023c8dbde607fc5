"""Frames woven from two instants of a moving picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from curator.measure.combing import Combing
from curator.testing.tiles import Footage, run


def _share(picture: np.ndarray) -> float:
    return float(run(Combing(), Footage(picture[None]))["share"].values[0])


def _picture(x: int) -> np.ndarray:
    """Blobs seen through a window that begins at `x`."""
    blobs = np.random.default_rng(1).integers(30, 220, (30, 60)).astype(np.float32)
    wide = cv2.resize(blobs, None, fx=20, fy=20, interpolation=cv2.INTER_CUBIC)
    return wide[:360, x : x + 640].clip(16, 235).astype(np.uint8)


def _woven(step: int) -> np.ndarray:
    frame = _picture(100)
    frame[1::2] = _picture(100 + step)[1::2]
    return frame


def test_a_woven_frame_is_combed_and_more_so_when_it_moves_faster() -> None:
    shares = [_share(_woven(step)) for step in (0, 4, 8, 16)]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] > 0.3


@pytest.mark.parametrize("sigma", [5, 20])
def test_noise_is_no_comb(sigma: float) -> None:
    noise = np.random.default_rng(2).normal(120, sigma, (360, 640))
    assert _share(noise.clip(0, 255).astype(np.uint8)) < 0.01


def test_fine_texture_is_no_comb() -> None:
    rows, columns = np.indices((360, 640))
    assert _share(np.where(rows // 2 % 2, 60, 180).astype(np.uint8)) == 0  # lines of 2 px
    assert _share(np.where(columns % 2, 60, 180).astype(np.uint8)) == 0  # upright stripes


def test_a_small_picture_has_no_value() -> None:
    assert np.isnan(_share(np.full((90, 160), 120, np.uint8)))
