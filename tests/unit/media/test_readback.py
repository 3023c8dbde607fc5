from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curator.errors import MediaError
from curator.media.encode import AudioTrack, VideoTrack, cut
from curator.media.mux import flac
from curator.media.probe import probe
from curator.media.readback import WrittenSound, compare_sound, read_clip
from curator.media.stats import DecodeStats
from curator.model.span import Span

RATE = 16000


def sound(samples: Any, rate: int = RATE) -> WrittenSound:
    return WrittenSound(Fraction(0), np.asarray(samples, np.float32)[None], rate)


def noise(seed: int, count: int = 2 * RATE) -> Any:
    return 0.1 * np.random.default_rng(seed).standard_normal(count)


@pytest.mark.parametrize("late", [0, 1, 17, 640, -320, -8000])
def test_a_lag_is_found_to_the_sample(late: int) -> None:
    made = noise(1)
    found = compare_sound(sound(made), sound(np.roll(made, late)))
    assert found is not None
    assert found.late_seconds * RATE == pytest.approx(late, abs=0.1)
    assert found.match > 0.7


def test_loudness_noise_and_another_rate_do_not_hide_a_lag() -> None:
    t = np.arange(3 * 48000) / 48000
    made = np.sin(2 * np.pi * (300 * t + 400 * t**2)) * 0.2  # a chirp up to 2700 Hz
    late = np.roll(made, 480)[::3] * 0.3 + noise(2, len(made) // 3) * 0.1
    found = compare_sound(sound(made, 48000), sound(late))
    assert found is not None
    assert found.late_seconds == pytest.approx(0.01, abs=1e-4)


def test_other_sounds_do_not_match_and_silence_says_nothing() -> None:
    found = compare_sound(sound(noise(1)), sound(noise(2)))
    assert found is not None
    assert found.match < 0.1
    assert compare_sound(sound(noise(1)), sound(np.zeros(RATE))) is None
    assert compare_sound(sound(np.zeros(0)), sound(noise(1))) is None


def test_a_steady_tone_is_not_taken_to_be_late_by_some_periods() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    found = compare_sound(sound(tone), sound(tone))
    assert found is not None
    assert found.late_seconds == pytest.approx(0, abs=1e-5)


def test_a_clip_is_read_as_it_was_written(film: Path) -> None:
    found = probe(film)
    span = Span(Fraction(1), Fraction(3))
    (clip,) = cut(film, found, [span], video=VideoTrack(), audio=AudioTrack(), stats=DecodeStats())
    assert clip.video is not None
    assert clip.audio is not None
    video, audio = read_clip(clip.video, head=2), read_clip(clip.audio)
    assert (video.width_px, video.height_px) == (clip.width_px, clip.height_px)
    assert len(video.times) == clip.num_frames
    assert (float(video.times[0]), float(video.end_seconds), video.damaged) == (0, 2, 0)
    assert [one.shape for one in video.head] == [(clip.height_px, clip.width_px)] * 2
    assert audio.times == ()
    assert audio.sound is not None
    assert audio.sound.samples.shape == (clip.channels, clip.num_samples)
    assert video.sound is not None
    assert video.sound.start_seconds == 0
    likeness = compare_sound(audio.sound, video.sound)
    assert likeness is not None
    assert abs(likeness.late_seconds) < 1e-4
    assert likeness.match > 0.95


def test_what_cannot_be_decoded_is_an_error_and_not_an_empty_clip() -> None:
    for data in (b"", b"nothing", flac(np.zeros((1, 0), np.float32), RATE)):
        with pytest.raises(MediaError):
            read_clip(data)
