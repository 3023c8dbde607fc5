"""Synthetic videos shared by the media tests; each is made once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from curator.testing.footage import make_video, noise, pan, silence, still, tone

PARTS = [still(5), noise(1), pan(4), still(3, seed=7)]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """13 s, 15 fps, keyframes every second, B-frames; tone 2 s, silence 1 s, tone 10 s from 0.5 s on."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    make_video(
        path,
        PARTS,
        fps=Fraction(15),
        size=(256, 144),
        gop=15,
        audio=[tone(2, 440), silence(1), tone(9, 1000)],
        audio_offset=Fraction(1, 2),
    )
    return path


@pytest.fixture(scope="session")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """9 s of variable rate in Matroska that begins at 10 s."""
    path = tmp_path_factory.mktemp("uneven") / "uneven.mkv"
    make_video(
        path,
        [still(4), pan(5)],
        fps=Fraction(30),
        size=(160, 96),
        gop=10,
        vfr=[1, 2, 1, 5],
        start=Fraction(10),
        audio=[tone(9, 440)],
        audio_codec="libopus",
    )
    return path
