"""Brightness on pictures whose tones are known."""

from __future__ import annotations

import numpy as np
import pytest

from curator.measure.luma import Luma
from curator.testing.tiles import Footage, run


def _levels(frames: np.ndarray) -> dict[str, float]:
    series = run(Luma(), Footage(frames))
    return {name: float(values.values[0]) for name, values in series.items()}


@pytest.mark.parametrize(("stored", "shown"), [(16, 0.0), (235, 255.0), (126, 128.08), (4, 0.0)])
def test_limited_range_is_stretched(stored: int, shown: float) -> None:
    levels = _levels(np.full((5, 90, 160), stored, np.uint8))
    assert levels == pytest.approx(
        {"mean": shown, "contrast": 0, "p01": shown, "p99": shown}, abs=0.02
    )


def test_half_black_half_white_has_the_widest_contrast() -> None:
    frames = np.full((5, 90, 160), 16, np.uint8)
    frames[:, :, 80:] = 235
    assert _levels(frames) == pytest.approx(
        {"mean": 127.5, "contrast": 127.5, "p01": 0, "p99": 255}, abs=0.02
    )


def test_percentiles_leave_out_a_hundredth() -> None:
    frames = np.full((5, 100, 200), 126, np.uint8)
    frames[:, :1, :199] = 235  # just under a hundredth of the pixels
    assert _levels(frames)["p99"] == pytest.approx(128.08, abs=0.02)
    frames[:, :2] = 235
    assert _levels(frames)["p99"] == pytest.approx(255, abs=0.02)
