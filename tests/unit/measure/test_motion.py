"""Motion of known speed: a panned wall, a moving square, a shaken, turned and zoomed camera."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from curator.measure.motion import Motion
from curator.testing.tiles import Footage, run, summary

_RNG = np.random.default_rng(0)
_WALL = cv2.GaussianBlur(
    np.kron(_RNG.integers(40, 210, (100, 200)), np.ones((8, 8))).astype(np.uint8), (0, 0), 1.5
)
_SIZE = (180, 320)
_FPS = 25


def _camera(
    dx: np.ndarray, dy: np.ndarray | None = None, turn: np.ndarray | None = None, zoom: float = 0.0
) -> np.ndarray:
    """The wall seen by a camera whose picture shifts by (dx, dy) px, turns (deg) and grows per second."""
    frames = []
    for index, x in enumerate(dx):
        y = 0.0 if dy is None else dy[index]
        angle = 0.0 if turn is None else turn[index]
        # OpenCV's angle is counter-clockwise.
        matrix = cv2.getRotationMatrix2D((800, 400), -angle, np.exp(zoom * index / _FPS))
        matrix[:, 2] += (_SIZE[1] / 2 - 800 + x, _SIZE[0] / 2 - 400 + y)
        frames.append(cv2.warpAffine(_WALL, matrix, _SIZE[::-1], flags=cv2.INTER_LINEAR))
    return np.stack(frames)


def _median(frames: np.ndarray, name: str) -> float:
    return float(np.nanmedian(run(Motion(), Footage(frames))[name].values))


def _signal(frames: np.ndarray, name: str) -> float:
    value = summary(Motion(), Footage(frames))[name].value
    assert isinstance(value, float)
    return value


_INDEX = np.arange(100)


@pytest.mark.parametrize("px_per_second", [25, 75, 200, 600])
def test_a_pan_has_its_speed_and_no_subject(px_per_second: float) -> None:
    frames = _camera((_INDEX - 50) * px_per_second / _FPS)
    speed = px_per_second / 320
    assert _median(frames, "dx") == pytest.approx(speed, rel=0.06)
    assert _median(frames, "camera") == pytest.approx(speed, rel=0.06)
    assert _median(frames, "energy") == pytest.approx(speed, rel=0.1)
    assert _median(frames, "subject") < 0.1 * speed
    assert abs(_median(frames, "dy")) < 0.02 * speed


def test_a_square_that_moves_before_a_still_wall_is_the_subject() -> None:
    frames = _camera(np.zeros(100))
    square = _WALL[400:490, 400:480]
    for index, frame in enumerate(frames):
        frame[40:130, 30 + index * 2 : 110 + index * 2] = square
    share = 80 * 90 / (180 * 320)
    assert _median(frames, "camera") < 0.01
    assert _median(frames, "subject") == pytest.approx(share * 50 / 320, rel=0.5)
    assert _signal(frames, "camera_static_share") > 0.5


def test_a_subject_is_told_from_the_pan_that_follows_it() -> None:
    frames = _camera(_INDEX * 2.0)
    frames[:, 60:120, 130:190] = _WALL[400:460, 400:460]  # held in the middle of the picture
    assert _median(frames, "dx") == pytest.approx(50 / 320, rel=0.08)
    assert _median(frames, "subject") > 0.05 * 50 / 320


def test_zoom_and_roll_have_their_rates_and_signs() -> None:
    zooming = _camera(np.zeros(100), zoom=0.1)
    assert _median(zooming, "zoom") == pytest.approx(0.1, rel=0.2)
    rolling = _camera(np.zeros(100), turn=_INDEX * 8 / _FPS)
    assert _median(rolling, "roll") == pytest.approx(8, rel=0.2)
    assert abs(_median(rolling, "zoom")) < 0.01


def test_a_shaken_camera_stands_out_from_a_pan_and_from_calm_hands() -> None:
    jitter = np.random.default_rng(2).normal(0, 6, (2, 100))
    shaken = _signal(_camera(jitter[0], jitter[1]), "camera_shake")
    calm = _signal(_camera(4 * np.sin(_INDEX / 15), 3 * np.sin(_INDEX / 19)), "camera_shake")
    pan = _signal(_camera(_INDEX * 4.0), "camera_shake")
    assert shaken > 8 * max(calm, pan)
    # RMS distance from a mean over 5 samples, each axis 6 px of 320: sqrt(2 * (1 - 1 / 5)) * 6 / 320.
    assert shaken == pytest.approx(1000 * np.sqrt(1.6) * 6 / 320, rel=0.35)
    assert pan < 1


def test_a_still_picture_does_not_move() -> None:
    frames = _camera(np.zeros(50))
    signals = {name: s.value for name, s in summary(Motion(), Footage(frames)).items()}
    assert signals == pytest.approx(
        {"camera_shake": 0, "static_share": 1, "camera_static_share": 1}, abs=1e-6
    )


def test_a_picture_too_small_for_flow_has_no_value() -> None:
    footage = Footage(_camera(_INDEX * 2.0)[:, :16, :16])
    assert np.isnan(run(Motion(), footage)["energy"].values).all()
    assert {signal.absent for signal in summary(Motion(), footage).values()} == {"too-small"}
