"""Slopes with steps of known height."""

from __future__ import annotations

import numpy as np

from curator.measure.banding import Banding
from curator.testing.tiles import Footage, run

_SLOPE = np.broadcast_to(np.linspace(60, 130, 640), (360, 640))


def _share(picture: np.ndarray) -> float:
    frame = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return float(run(Banding(), Footage(frame[None]))["share"].values[0])


def _quantised(step: int) -> float:
    return _share(np.floor(_SLOPE / step) * step)


def test_higher_steps_are_more_visible_bands() -> None:
    shares = [_quantised(step) for step in (1, 2, 3, 4)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.5 > shares[0]


def test_grain_hides_bands() -> None:
    grain = np.random.default_rng(1).normal(0, 1.5, _SLOPE.shape)
    assert _share(_SLOPE + grain) < 0.01


def test_a_plain_wall_and_a_poster_of_far_tones_have_no_bands() -> None:
    assert _share(np.full((360, 640), 120.0)) == 0
    assert _share(np.where(_SLOPE > 95, 150.0, 60.0)) == 0


def test_black_bars_are_no_bands() -> None:
    picture = np.full((360, 640), 17.0)
    picture[:180] = 16
    assert _share(picture) == 0


def test_a_small_picture_has_no_value() -> None:
    assert np.isnan(_share(np.full((90, 160), 120.0)))
