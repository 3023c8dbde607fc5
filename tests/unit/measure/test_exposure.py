"""Clipping on pictures with known shares of black and white."""

from __future__ import annotations

import numpy as np
import pytest

from curator.measure.exposure import Exposure
from curator.testing.tiles import Footage, run, summary


def _frames(stored: int = 120) -> np.ndarray:
    return np.full((25, 180, 320), stored, np.uint8)


def test_a_quarter_of_the_picture_is_clipped_to_black_and_a_tenth_to_white() -> None:
    frames = _frames()
    frames[:, 40:130, 10:170] = 16  # a quarter, away from the edges
    frames[:, :18] = 235
    series = run(Exposure(), Footage(frames))
    assert series["dark"].values == pytest.approx(0.25, abs=0.01)
    assert series["bright"].values == pytest.approx(0.1, abs=0.01)
    signals = summary(Exposure(), Footage(frames))
    assert signals["clipped"].value == pytest.approx(0.35, abs=0.01)


def test_black_bars_do_not_count_as_dark() -> None:
    frames = _frames()
    frames[:, :22] = frames[:, -22:] = 16
    assert run(Exposure(), Footage(frames))["dark"].values == pytest.approx(0)


def test_a_black_picture_is_all_dark() -> None:
    assert run(Exposure(), Footage(_frames(16)))["dark"].values == pytest.approx(1)


def test_the_worst_frame_is_told_from_the_mean() -> None:
    frames = _frames()
    frames[13:] = 235  # half of the clip
    signals = summary(Exposure(), Footage(frames))
    assert signals["worst"].value == pytest.approx(1)
    assert signals["clipped"].value == pytest.approx(0.5)
