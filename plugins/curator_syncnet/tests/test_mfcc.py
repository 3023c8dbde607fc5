"""The front end gives what the published one gives."""

from __future__ import annotations

import numpy as np
import pytest
from curator_syncnet.mfcc import mfcc


def sound(seconds: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    at = np.arange(int(16_000 * seconds)) / 16_000
    tones = sum(np.sin(2 * np.pi * f * at + f) / 8 for f in (140, 450, 1300, 2600, 5200))
    return np.asarray(tones * np.sin(2 * np.pi * 3 * at) ** 2 + 0.01 * rng.normal(size=len(at)))


def test_coefficients_are_those_of_python_speech_features() -> None:
    theirs = pytest.importorskip("python_speech_features")
    whole = np.round(sound() * 32767).astype(np.int16)
    wanted = theirs.mfcc(whole, 16_000)
    found = mfcc((whole / 32768).astype(np.float32))
    # Theirs fills its last window with zeros and begins with the first sample as it is.
    count = len(found)
    assert count in (len(wanted), len(wanted) - 1)
    assert np.abs(found - wanted[:count]).max() < 1e-6


def test_a_part_has_the_coefficients_of_the_whole() -> None:
    whole = sound().astype(np.float32)
    part = mfcc(whole[1600:8000], before=float(whole[1599]))
    assert np.allclose(part, mfcc(whole)[10 : 10 + len(part)], atol=1e-9)


def test_silence_has_finite_coefficients_and_too_little_sound_has_none() -> None:
    assert np.isfinite(mfcc(np.zeros(1600, np.float32))).all()
    assert mfcc(np.zeros(399, np.float32)).shape == (0, 13)
