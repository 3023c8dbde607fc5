from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from curator.testing.footage import (
    black,
    dissolve,
    fade,
    flash,
    flat,
    make_video,
    noise,
    pan,
    read_number,
    silence,
    sound_samples,
    still,
    tone,
)


def grays(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="gray") for f in container.decode(video=0)]


def test_every_part_is_where_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    parts = [still(1), noise(1), fade(flat(1, 1.0), to_black=True), black(1)]
    make_video(path, parts, fps=Fraction(10), size=(96, 64), codec="ffv1")
    frames = [f[8:-8].astype(float) for f in grays(path)]
    assert len(frames) == 40
    steps = [np.abs(b - a).mean() for a, b in pairwise(frames)]
    assert max(steps[:9]) == 0  # still
    assert min(steps[9:19]) > 20  # noise, new in every frame
    assert [round(f.mean()) for f in frames[20:30]] == pytest.approx(
        [255 - 25.5 * k for k in range(10)], abs=2
    )
    assert all(f.max() == 0 for f in frames[30:])


def test_a_dissolve_is_a_linear_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    mix = dissolve(1, flat(1, 0.2), flat(1, 0.8))
    make_video(path, [mix], fps=Fraction(10), size=(64, 64), codec="ffv1")
    levels = [f[8:-8].mean() / 255 for f in grays(path)]
    assert levels == pytest.approx([0.2 + 0.06 * k for k in range(10)], abs=0.01)


def test_a_flash_is_as_long_as_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    part = flash(flat(2, 0.1), at=0.5, frames=2, fps=10)
    make_video(path, [part], fps=Fraction(10), size=(64, 64), codec="ffv1")
    bright = [i for i, f in enumerate(grays(path)) if f[8:-8].mean() > 200]
    assert bright == [10, 11]


@pytest.mark.parametrize("crf", ["16", "40"])
def test_numbers_survive_compression_and_scaling(tmp_path: Path, crf: str) -> None:
    path = tmp_path / "a.mp4"
    make_video(path, [pan(1), noise(1)], options={"crf": crf})
    with av.open(str(path)) as container:
        small = [
            f.reformat(96, 54, "gray", interpolation="AREA").to_ndarray()
            for f in container.decode(video=0)
        ]
    assert [read_number(f) for f in small] == list(range(60))
    assert read_number(np.full((54, 96), 100, np.uint8)) is None


def test_the_same_script_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        make_video(tmp_path / name, [pan(1)], audio=[tone(1, 440)])
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_sounds_follow_one_another() -> None:
    samples = sound_samples([tone(1, 100, 0.25), silence(1), tone(1, 200)], 8000)
    assert len(samples) == 24000
    assert np.abs(samples[:8000]).max() == pytest.approx(0.25, abs=0.01)
    assert not samples[8000:16000].any()
    assert np.argmax(np.abs(np.fft.rfft(samples[16000:]))) == 200
