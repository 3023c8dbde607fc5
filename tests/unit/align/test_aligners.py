"""Every aligner keeps the laws, and finds what is planted."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from curator.abc.aligner import Pair
from curator.align.estimate.envelope import Envelope
from curator.align.estimate.lips import Lips
from curator.align.estimate.movement import MovementAligner
from curator.align.estimate.onsets import Onsets
from curator.align.estimate.pose_speed import PoseSpeed
from curator.align.estimate.speech_text import SpeechText
from curator.measure.face.agreement import LIPS, VOICE
from curator.model.series import Series
from curator.testing.aligner import AlignerTests
from tests.unit.align import planted
from tests.unit.align.planted import Floats, grid, wave


class TestLips(AlignerTests):
    aligner = Lips()
    tolerance_seconds = 0.01

    def pair(self, late_seconds: float, seed: int = 0) -> Pair:
        return _talk(seed, seed, late_seconds)

    def wrong(self, seed: int) -> Pair:
        return _talk(seed, seed + 100, 0.0)


def _talk(face: int, voice: int, late: float) -> Pair:
    """Lips that follow three waves, a voice whose bands do as well, with noise on both."""
    rng = np.random.default_rng(face)
    seen, heard = grid(25), grid(50) - late
    a, b, c = (wave(seen, 10 * face + k, 2, 5) for k in range(3))
    x, y, z = (wave(heard, 10 * voice + k, 2, 5) for k in range(3))
    lips = dict(zip(LIPS, (a, a, b, -c), strict=True))
    bands = dict(zip(VOICE, (z - y, x, x, z), strict=True))
    series = {
        f"lips.{name}": (25, 1 + 0.04 * values + 0.01 * rng.normal(size=len(values)))
        for name, values in lips.items()
    } | {
        f"lips.{name}": (50, -30 + 8 * values + rng.normal(size=len(values)))
        for name, values in bands.items()
    }
    return planted.pair(series)


class TestMovement(AlignerTests):
    aligner = MovementAligner()
    tolerance_seconds = 0.02

    def pair(self, late_seconds: float, seed: int = 0) -> Pair:
        return _robot(seed, seed, late_seconds)

    def wrong(self, seed: int) -> Pair:
        return _robot(seed, seed + 100, 0.0)


def _robot(picture: int, state: int, late: float) -> Pair:
    """Four joints at 20 per second; the picture changes with the sum of their speeds."""
    seen = grid(30)
    speed = sum(np.abs(np.gradient(wave(seen - 1 / 60, 10 * picture + k), seen)) for k in range(4))
    noise = np.random.default_rng(picture).normal(size=len(seen))
    angles = np.stack([wave(grid(20) - late, 10 * state + k) for k in range(4)], axis=1)
    angles = np.concatenate(
        [angles, np.ones((len(angles), 1))], axis=1
    )  # a gripper that stays shut
    track = planted.numbers(angles, 20, grid(20)[0])
    return planted.pair({"onsets.change": (30, 20 + 10 * speed + 2 * noise)}, track=track)


class TestPoseSpeed(AlignerTests):
    aligner = PoseSpeed()
    tolerance_seconds = 0.04

    def pair(self, late_seconds: float, seed: int = 0) -> Pair:
        return _dance(seed, seed, late_seconds)

    def wrong(self, seed: int) -> Pair:
        return _dance(seed, seed + 100, 0.0)


JOINTS = (
    "mixamorig:Hips", "LeftForeArm", "RightForeArm", "LeftHand", "RightHand",
    "LeftLeg", "RightLeg", "LeftFoot", "RightFoot",
)  # fmt: skip
POINTS = (23, 13, 14, 15, 16, 25, 26, 27, 28)


def _body(seconds: Floats, seed: int) -> Floats:
    """``(n, 9, 3)`` metres: a root that strolls, limbs that swing about it."""
    path = np.stack([wave(seconds, 1000 * seed + k, 0.1, 0.4) for k in range(3)], axis=-1)
    limbs = [
        path + [0.1 * j, 0.2 * j - 0.8, 0]
        + 0.4 * np.stack([wave(seconds, 1000 * seed + 10 * j + k) for k in range(3)], axis=-1)
        for j in range(1, 9)
    ]  # fmt: skip
    return np.stack([path, *limbs], axis=1)


def _dance(picture: int, capture: int, late: float) -> Pair:
    """A camera from the side and above that pans, a body fitted at 12 frames a second; capture at 120."""
    rng = np.random.default_rng(picture)
    seen = grid(12)
    view = np.array([[0.8, 0.0], [0.1, -0.9], [0.6, 0.3]])
    flat = 200 * _body(seen, picture) @ view + np.stack([40 * seen, 0 * seen], -1)[:, None]
    points = np.full((len(seen), 33, 3), 0.9)
    points[:, POINTS, :2] = flat + rng.normal(size=flat.shape)
    points[:, 24] = points[:, 23]
    at = grid(120)
    track = planted.skeleton(_body(at - late, capture), JOINTS, 120, at[0])
    series = {
        "pose.keypoints": (12, points),
        "pose.height_px": (12, np.full(len(seen), 340.0)),
        "onsets.change": (
            25,
            np.abs(rng.normal(size=len(grid(25)))) * 30,
        ),  # the pan hides the body
    }
    return planted.pair(series, track=track)


class TestOnsets(AlignerTests):
    aligner = Onsets()
    tolerance_seconds = 0.004

    def pair(self, late_seconds: float, seed: int = 0) -> Pair:
        return _flashes(seed, seed, late_seconds)

    def wrong(self, seed: int) -> Pair:
        return _flashes(seed, seed + 100, 0.0)


def _flashes(light: int, beep: int, late: float) -> Pair:
    """Eight flashes on frames of 25 per second, and beeps of 60 ms."""
    seen, heard = grid(25), grid(500)
    flash = np.abs(np.random.default_rng(light).normal(size=len(seen)))
    flash[_instants(light)] = 120
    level = np.full(len(heard), -70.0) + np.random.default_rng(beep).normal(size=len(heard))
    for at in _instants(beep) / 25 + seen[0] + late:
        inside = (heard - at).clip(-0.004, 0.004)  # the share of a window of 8 ms that has the tone
        power = np.where(heard < at + 0.06, 0.5 + 0.5 * np.sin(inside / 0.008 * np.pi), 0)
        level = np.maximum(level, 10 * np.log10(np.maximum(power, 1e-7)) - 12)
    return planted.pair(
        {
            "onsets.flash": (25, flash),
            "onsets.change": (25, flash * 5),
            "onsets.level": (500, level),
        }
    )


def _instants(seed: int) -> Floats:
    """Frames of eight events in the clip, at least half a second apart."""
    rng = np.random.default_rng(seed)
    gaps = rng.integers(14, 30, 8)
    return 52 + np.cumsum(gaps) - gaps[0]


class TestSpeechText(AlignerTests):
    aligner = SpeechText()
    tolerance_seconds = 0.06
    most_seconds = 1.0

    def pair(self, late_seconds: float, seed: int = 0) -> Pair:
        return _said(seed, seed, late_seconds)

    def wrong(self, seed: int) -> Pair:
        return _said(seed, seed + 100, 0.0)


def _said(voice: int, text: int, late: float) -> Pair:
    """Phrases of 0.3 to 1.2 s with pauses between."""
    at = grid(50)
    speaks = np.zeros(len(at))
    for begin, end in _phrases(voice):
        speaks[(at >= begin) & (at < end)] = 0.95
    noise = 0.03 * np.abs(np.random.default_rng(voice).normal(size=len(at)))
    track = planted.cues([(a + late, b + late) for a, b in _phrases(text)])
    return planted.pair({"speech.probability": (50, (speaks + noise).clip(0, 1))}, track=track)


def _phrases(seed: int) -> list[tuple[float, float]]:
    rng = np.random.default_rng(seed)
    out, now = [], 1.2
    while now < 13:
        end = now + rng.uniform(0.3, 1.2)
        out.append((now, end))
        now = end + rng.uniform(0.2, 1.0)
    return out


class TestEnvelope(AlignerTests):
    aligner = Envelope()
    tolerance_seconds = 0.0005
    most_seconds = 0.8
    examples = 8

    def pair(self, late_seconds: float, seed: int = 0) -> Pair:
        return _recorded(seed, seed, late_seconds)

    def wrong(self, seed: int) -> Pair:
        return _recorded(seed, seed + 100, 0.0)


def _recorded(camera: int, recorder: int, late: float) -> Pair:
    """Bursts of noise; another microphone, another loudness, noise of its own, a room with an echo."""
    return planted.pair(
        camera=planted.hear(_noise(camera), 16_000),
        heard=planted.hear(_room(_noise(recorder), recorder), 16_000, late=late, gain=0.2),
    )


@cache
def _noise(seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    at = np.arange(14 * 16_000) / 16_000
    return (
        0.1
        * rng.normal(size=len(at))
        * np.repeat(np.maximum(wave(at[::160], seed, 1, 5), 0.02), 160)
    )


def _room(sound: Floats, seed: int) -> Floats:
    echo = np.convolve(sound, [1, -0.4], "same")
    echo[700:] += 0.3 * sound[:-700]
    return echo + 0.003 * np.random.default_rng(seed + 7).normal(size=len(sound))


def test_sound_without_any_rhythm_is_found_by_its_waveforms() -> None:
    rng = np.random.default_rng(0)
    rain = 0.1 * rng.normal(size=14 * 16_000)
    other = rain + 0.1 * rng.normal(size=len(rain))
    pair = planted.pair(
        camera=planted.hear(rain, 16_000), heard=planted.hear(other, 16_000, late=-0.3217)
    )
    found = Envelope().estimate(pair, max_offset_seconds=0.8)
    assert found.seconds is not None
    assert abs(found.seconds + 0.3217) < 0.0002
    assert found.confidence > 5


def test_a_click_in_each_of_two_recordings_does_not_make_them_one() -> None:
    one, other = (0.01 * np.random.default_rng(seed).normal(size=14 * 16_000) for seed in (1, 2))
    one[6 * 16_000], other[6 * 16_000 + 4000] = 1.0, 1.0
    pair = planted.pair(camera=planted.hear(one, 16_000), heard=planted.hear(other, 16_000))
    found = Envelope().estimate(pair, max_offset_seconds=0.8)
    assert found.confidence < 3


def test_a_single_flash_with_a_single_beep_is_no_proof() -> None:
    pair = _flashes(0, 0, 0.1)
    flash, level = pair.series["onsets.flash"], pair.series["onsets.level"]
    dark = flash.values.copy()
    dark[_instants(0)[1:]] = 1
    series = {
        **pair.series,
        "onsets.flash": replace_values(flash, dark),
        "onsets.change": replace_values(flash, dark),
        "onsets.level": replace_values(
            level, np.where(level.seconds < _instants(0)[0] / 25 + 1.4, level.values, -70)
        ),
    }
    found = Onsets().estimate(replace(pair, series=series), max_offset_seconds=0.5)
    assert found.seconds is not None
    assert abs(found.seconds - 0.1) < 0.004
    assert found.confidence < 2.5


def replace_values(series: Series, values: Floats) -> Series:
    return Series(series.ticks, series.time_base, values.astype(np.float32))
