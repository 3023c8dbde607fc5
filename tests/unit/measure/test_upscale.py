"""Natural-looking texture, enlarged by known factors."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from curator.measure.upscale import Upscale
from curator.testing.tiles import Footage, run


def _native(seed: int = 1) -> np.ndarray:
    """Noise whose power falls with 1 / f^2, as that of photographs does."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(720)[:, None], np.fft.fftfreq(1280)[None]
    fall = 1 / np.maximum(np.hypot(rows, columns), 1 / 1280) ** 1.5
    picture = np.real(np.fft.ifft2(np.fft.fft2(rng.normal(size=(720, 1280))) * fall))
    return np.asarray(125 + 45 * picture / picture.std())


def _limit(picture: np.ndarray) -> float:
    frame = picture.clip(0, 255).round().astype(np.uint8)
    return float(run(Upscale(), Footage(frame[None]))["limit"].values[0])


def _enlarged(times: float, how: int = cv2.INTER_CUBIC) -> float:
    small = cv2.resize(_native(), None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA)
    return _limit(cv2.resize(small, (1280, 720), interpolation=how))


def test_a_native_picture_has_detail_to_the_end() -> None:
    assert _limit(_native()) > 0.9


@pytest.mark.parametrize("how", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
@pytest.mark.parametrize("times", [2, 3, 4])
def test_an_enlarged_picture_has_little_more_detail_than_it_once_had(times: int, how: int) -> None:
    assert 0.9 / times < _enlarged(times, how) < 1.7 / times


def test_the_height_is_the_share_of_the_stored_height() -> None:
    frame = _native().clip(0, 255).astype(np.uint8)[None]
    series = run(Upscale(), Footage(frame))
    assert series["height_px"].values == pytest.approx(720 * series["limit"].values)


def test_a_wall_has_no_limit() -> None:
    assert np.isnan(_limit(np.full((720, 1280), 120.0)))
