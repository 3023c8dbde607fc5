"""Each defect, alone, lowers the score and shows in its own part."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from curator.measure.technical import Technical
from curator.testing.tiles import Footage, run


def _scene() -> np.ndarray:
    """Texture whose power falls with 1 / f^2, as that of photographs does, and a smooth slope."""
    rng = np.random.default_rng(1)
    rows, columns = np.fft.fftfreq(720)[:, None], np.fft.fftfreq(1280)[None]
    fall = 1 / np.maximum(np.hypot(rows, columns), 1 / 1280) ** 1.2
    texture = np.real(np.fft.ifft2(np.fft.fft2(rng.normal(size=(720, 1280))) * fall))
    scene = 125 + 35 * texture / texture.std()
    scene[:, 900:] = np.linspace(60, 190, 380)
    return np.asarray(scene + rng.normal(0, 0.6, scene.shape))


def _parts(picture: np.ndarray) -> dict[str, float]:
    frame = picture.clip(0, 255).round().astype(np.uint8)
    return {k: float(v.values[0]) for k, v in run(Technical(), Footage(frame[None])).items()}


def _blurred(scene: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), 3))


def _blocked(scene: np.ndarray) -> np.ndarray:
    means = cv2.resize(scene, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    return 0.7 * np.repeat(np.repeat(means, 8, axis=0), 8, axis=1) + 0.3 * scene


def _noisy(scene: np.ndarray) -> np.ndarray:
    return scene + np.random.default_rng(2).normal(0, 8, scene.shape)


def _banded(scene: np.ndarray) -> np.ndarray:
    steps = np.floor(np.broadcast_to(np.linspace(60, 190, 1280), scene.shape) / 4) * 4
    return np.where(np.arange(1280) < 900, scene, steps)


def _dark(scene: np.ndarray) -> np.ndarray:
    return 16 + (scene - 110).clip(0)


def _woven(scene: np.ndarray) -> np.ndarray:
    woven = scene.copy()
    woven[1::2] = np.roll(scene, 9, axis=1)[1::2]
    return woven


@pytest.mark.parametrize(
    ("part", "spoil"),
    [
        ("focus", _blurred),
        ("detail", _blurred),
        ("unblocked", _blocked),
        ("clean", _noisy),
        ("unbanded", _banded),
        ("exposed", _dark),
        ("progressive", _woven),
    ],
)
def test_a_defect_lowers_its_part_and_the_score(
    part: str, spoil: Callable[[np.ndarray], np.ndarray]
) -> None:
    good, spoilt = _parts(_scene()), _parts(spoil(_scene()))
    assert good[part] > 0.85
    assert spoilt[part] < good[part] - 0.1
    assert spoilt["score"] < good["score"] - 0.05


def test_the_score_is_the_product_of_its_parts() -> None:
    parts = _parts(_noisy(_scene()))
    score = parts.pop("score")
    assert score == pytest.approx(np.prod(list(parts.values())), rel=1e-5)


def test_black_and_plain_pictures_have_no_score() -> None:
    assert np.isnan(_parts(np.full((720, 1280), 16.0))["score"])
    assert np.isnan(_parts(np.full((720, 1280), 120.0))["score"])


def test_a_picture_without_patches_is_judged_by_its_focus() -> None:
    small = cv2.resize(_scene(), (160, 90), interpolation=cv2.INTER_AREA)
    parts = _parts(small)
    assert np.isfinite(parts["score"])
    assert np.isnan(parts["unblocked"])
