"""Grain of known strength."""

from __future__ import annotations

import numpy as np
import pytest

from curator.measure.noise import Noise
from curator.testing.tiles import Footage, run


def _sigma(picture: np.ndarray) -> float:
    frame = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return float(run(Noise(), Footage(frame[None]))["sigma"].values[0])


def _grain(sigma: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, sigma, (360, 640))


@pytest.mark.parametrize("sigma", [2, 5, 10, 20])
def test_grain_on_a_slope_is_measured(sigma: float) -> None:
    slope = np.linspace(70, 180, 640)[None, :] + np.linspace(0, 20, 360)[:, None]
    assert _sigma(slope + _grain(sigma)) == pytest.approx(sigma, rel=0.08)


def test_texture_on_most_of_the_picture_does_not_count() -> None:
    picture = np.full((360, 640), 120.0)
    picture[:, 200:] += np.random.default_rng(2).choice([-40.0, 40.0], (360, 440))
    assert _sigma(picture + _grain(3)) == pytest.approx(3, rel=0.2)


def test_a_clean_picture_has_none() -> None:
    assert _sigma(np.full((360, 640), 120.0)) == pytest.approx(0, abs=0.02)


def test_black_bars_do_not_hide_the_grain() -> None:
    picture = 120 + _grain(5)
    picture[:60] = picture[-60:] = 16
    assert _sigma(picture) == pytest.approx(5, rel=0.1)


def test_a_black_picture_has_no_value() -> None:
    assert np.isnan(_sigma(np.full((360, 640), 16.0)))
