"""Light of known amplitude and frequency."""

from __future__ import annotations

import numpy as np
import pytest

from curator.measure.flicker import Flicker
from curator.testing.tiles import Footage, run, summary

_WALL = np.kron(np.random.default_rng(0).integers(70, 180, (30, 100)), np.ones((8, 8)))
_TIME = np.arange(125) / 25


def _lit(light: np.ndarray, *, step: int = 0) -> np.ndarray:
    """A wall under changing light, panned by `step` px per frame."""
    frames = [_WALL[:180, k * step : k * step + 320] + add for k, add in enumerate(light)]
    return np.clip(np.round(frames), 0, 255).astype(np.uint8)


def _signals(frames: np.ndarray) -> tuple[float, float]:
    signals = summary(Flicker(), Footage(frames))
    amplitude, drift = signals["amplitude"].value, signals["drift"].value
    assert isinstance(amplitude, float)
    assert isinstance(drift, float)
    return amplitude, drift


@pytest.mark.parametrize("amplitude", [2, 10, 30])
@pytest.mark.parametrize("hz", [3, 5])
def test_flicker_has_the_amplitude_of_its_sine(amplitude: float, hz: float) -> None:
    found, drift = _signals(_lit(amplitude * np.sin(2 * np.pi * hz * _TIME)))
    assert found == pytest.approx(amplitude, rel=0.12)
    assert drift < 0.25 * amplitude


def test_steady_light_does_not_flicker() -> None:
    assert _signals(_lit(np.zeros(125))) == (0.0, 0.0)


def test_slow_drift_is_drift_and_not_flicker() -> None:
    amplitude, drift = _signals(_lit(np.linspace(-20, 20, 125)))
    assert amplitude < 0.6  # the steps of 8 bits
    assert drift == pytest.approx(40 * 4 / 5, rel=0.1)  # half a second at both ends is not judged


def test_a_moving_subject_is_not_light() -> None:
    frames = _lit(np.zeros(125))
    for index, frame in enumerate(frames):
        x = int(100 + 80 * np.sin(index / 3))
        frame[40:120, x : x + 90] = 230
    assert _signals(frames)[0] < 0.5


def test_a_pan_is_not_light() -> None:
    assert _signals(_lit(np.zeros(125), step=3))[0] < 0.7


def test_flicker_shows_through_a_pan() -> None:
    assert _signals(_lit(12 * np.sin(2 * np.pi * 3 * _TIME), step=2))[0] == pytest.approx(
        12, rel=0.2
    )


def test_bars_do_not_dilute_the_light() -> None:
    frames = _lit(10 * np.sin(2 * np.pi * 3 * _TIME))
    frames[:, :60] = frames[:, -60:] = 16
    assert _signals(frames)[0] == pytest.approx(10, rel=0.15)


def test_one_flash_is_not_flicker() -> None:
    light = np.zeros(125)
    light[60] = 60
    assert _signals(_lit(light))[0] < 2


def test_a_change_of_light_has_its_sign_and_time() -> None:
    light = np.zeros(125)
    light[50:] = 8
    change = run(Flicker(), Footage(_lit(light)))["change"]
    assert np.isnan(change.values[0])
    assert int(np.nanargmax(change.values)) == 50
    assert float(change.values[50]) == pytest.approx(8, abs=0.1)


def test_a_clip_of_a_few_frames_is_too_short() -> None:
    signals = summary(Flicker(), Footage(_lit(np.zeros(5))))
    assert {signal.absent for signal in signals.values()} == {"too-short"}
