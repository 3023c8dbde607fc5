"""Repeats and stillness at known times."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from curator.measure.freeze import Freeze
from curator.model.span import Span
from curator.testing.tiles import Footage, run, summary

_RNG = np.random.default_rng(0)
_WALL = np.kron(_RNG.integers(40, 210, (24, 120)), np.ones((8, 8))).astype(np.uint8)


def _pan(frames: int, *, step: int = 3) -> np.ndarray:
    return np.stack([_WALL[:180, k * step : k * step + 320] for k in range(frames)])


def _signals(frames: np.ndarray, **more: object) -> dict[str, float | str | None]:
    signals = summary(Freeze(), Footage(frames), **more)  # type: ignore[arg-type]
    return {name: signal.absent or signal.value for name, signal in signals.items()}


def test_a_moving_picture_neither_repeats_nor_rests() -> None:
    assert _signals(_pan(100)) == {
        "share": 0.0,
        "longest_seconds": 0.0,
        "still_share": 0.0,
        "effective_fps": pytest.approx(25, rel=0.03),
    }


def test_frozen_from_two_seconds_on() -> None:
    frames = _pan(150)
    frames[50:] = frames[50]
    signals = _signals(frames)
    assert signals["share"] == pytest.approx(99 / 149)
    assert signals["longest_seconds"] == pytest.approx(4.0, abs=0.26)
    assert signals["still_share"] == pytest.approx(4 / 6, abs=0.05)
    duplicate = run(Freeze(), Footage(frames))["duplicate"]
    assert duplicate.within(Span(Fraction(51, 25), Fraction(6))).values.all()
    assert not duplicate.within(Span(Fraction(1, 25), Fraction(51, 25))).values.any()


@pytest.mark.parametrize("sigma", [2, 4])
def test_a_frozen_picture_under_grain_is_still(sigma: float) -> None:
    grain = np.random.default_rng(1).normal(0, sigma, (100, 180, 320))
    frames = np.clip(_pan(1) + grain, 0, 255).astype(np.uint8)
    assert _signals(frames)["still_share"] == pytest.approx(1)


def test_a_moving_mouth_is_not_stillness() -> None:
    frames = np.repeat(_pan(1), 100, axis=0)
    for index, frame in enumerate(frames):
        frame[100:112, 150:170] = 60 if index % 8 < 4 else 130
    signals = _signals(frames)
    assert signals["still_share"] == 0
    assert signals["share"] == pytest.approx(
        0.75, abs=0.02
    )  # it does change every fourth frame only


def test_ten_pictures_a_second_shown_at_thirty() -> None:
    frames = np.repeat(_pan(40), 3, axis=0)
    signals = summary(Freeze(), Footage(frames, fps=Fraction(30)))
    assert signals["effective_fps"].value == pytest.approx(10, rel=0.05)
    assert signals["share"].value == pytest.approx(2 / 3, abs=0.02)
    assert signals["still_share"].value == 0


def test_a_still_photograph_has_no_frame_rate() -> None:
    signals = _signals(np.repeat(_pan(1), 100, axis=0))
    assert signals["effective_fps"] == "still"
    assert (signals["share"], signals["still_share"]) == (1.0, 1.0)
    assert signals["longest_seconds"] == pytest.approx(4)


def test_difference_is_the_mean_change() -> None:
    frames = np.full((10, 90, 160), 100, np.uint8)
    frames[5:, :, :80] = 140
    difference = run(Freeze(), Footage(frames))["difference"].values
    assert np.isnan(difference[0])
    assert difference[1:] == pytest.approx([0, 0, 0, 0, 20, 0, 0, 0, 0])


def test_a_clip_looks_at_its_own_frames_only() -> None:
    frames = _pan(150)
    frames[50:] = frames[50]
    late = Span(Fraction(3), Fraction(5))
    assert _signals(frames, span=late)["still_share"] == pytest.approx(1)
