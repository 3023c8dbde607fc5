"""Lips: they go with their own voice, with no other, and say by how much the sound is late."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curator.abc.measure import ClipSeries, FrameNeed, View
from curator.infer.boxes import Box
from curator.measure.face import Lips, lips
from curator.measure.face.agreement import LIPS, VOICE, agreement
from curator.measure.face.detection import Detection
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.tile import Tiles
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run, video_info
from tests.footage import own, shared
from tests.measured import measured, model_files

Floats = npt.NDArray[np.float64]


class TestLips(MeasureTests):
    measure = Lips()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


# ---- real people


def signals(path: Path, span: Span | None = None) -> Mapping[str, Signal]:
    return measured(Lips(), path).signals(span)


def number(found: Mapping[str, Signal], name: str) -> float:
    value = found[name].value
    assert isinstance(value, float), found[name].absent
    return value


@pytest.mark.parametrize(
    "name",
    ["talk_f_01b.mp4", "talk_m_02.mp4", "talk_f_03_portrait_hevc.mp4"],
)
def test_people_move_their_lips_with_their_own_voice(name: str) -> None:
    found = signals(shared(f"fixtures/avatar/{name}"))
    assert number(found, "confidence") > 2
    assert number(found, "agreement") > 0.12
    assert abs(number(found, "offset_seconds")) <= 0.08


def test_so_they_do_in_the_footage_of_the_repository() -> None:
    assert number(signals(own("talk_f_01_hdtf.mp4")), "confidence") > 3


@pytest.mark.parametrize("name", ["sync_p240", "sync_p500", "reversed_audio", "nonspeech"])
def test_sound_that_is_off_reversed_or_rain_does_not_go_with_lips(name: str) -> None:
    assert number(signals(shared(f"fixtures/sync/{name}.mp4")), "confidence") < 1.2


def test_a_dubbed_segment_of_a_film_does_not_go_with_lips() -> None:
    path = shared("fixtures/film/film_fixture.mp4")
    film = measured(Lips(), path, Span(Fraction(97), Fraction(111)))
    own_voice = film.signals(Span(Fraction(972, 10), Fraction(1048, 10)))
    assert number(own_voice, "confidence") > 3
    dubbed = film.signals(Span(Fraction(105), Fraction(1108, 10)))
    assert number(dubbed, "confidence") < 0.7


def test_a_later_sound_track_is_reported_as_that_much_later() -> None:
    there = {
        name: number(signals(shared(f"fixtures/sync/{name}.mp4")), "offset_seconds")
        for name in ("sync_000", "sync_p120", "sync_p240", "sync_m200")
    }
    assert there["sync_p120"] - there["sync_000"] == pytest.approx(0.12, abs=0.03)
    assert there["sync_p240"] - there["sync_000"] == pytest.approx(0.24, abs=0.03)
    assert there["sync_m200"] - there["sync_000"] == pytest.approx(-0.20, abs=0.03)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("avatar/face_silent_track.mp4", "no-speech"),
        ("sync/noaudio.mp4", "no-audio"),
        ("reject/toy_pig.mp4", "no-face"),
    ],
)
def test_what_cannot_be_compared_says_why(path: str, reason: str) -> None:
    found = signals(shared(f"fixtures/{path}"))
    assert {signal.absent for signal in found.values()} == {reason}


def test_lips_that_do_not_move_do_not_agree_with_music() -> None:
    found = signals(shared("fixtures/avatar/face_music.mp4"))
    assert abs(number(found, "agreement")) < 0.1


# ---- series made by hand


def speech(seconds: float, seed: int = 0) -> dict[str, Floats]:
    """Eight columns per 20 ms: lips that follow their voice, 2 to 6 movements per second."""
    rng = np.random.default_rng(seed)
    count = round(seconds * 50)
    time = np.arange(count) / 50
    waves = rng.normal(size=(3, 30))
    speeds = rng.uniform(2, 6, size=30) * 2 * np.pi
    phases = rng.uniform(0, 2 * np.pi, size=(3, 30))
    jaw, spread, rise = (
        np.einsum("k,kt->t", waves[i], np.sin(speeds[:, None] * time + phases[i][:, None])) / 5
        for i in range(3)
    )
    return {
        "opening": 0.5 + 0.04 * jaw,
        "jaw": 1.4 + 0.02 * jaw,
        "width": 0.6 + 0.02 * spread,
        "upper": 0.3 - 0.01 * rise,
        "voice_low": -30 - 4 * spread,
        "voice_middle": -35 + 6 * jaw,
        "voice_formants": -40 + 6 * jaw,
        "voice_high": -50 + 5 * rise,
    }


def series_of(columns: Mapping[str, Floats], late_seconds: float = 0.0) -> dict[str, Series]:
    """Lips at 25 per second, the voice at 50, moved to a later time by `late_seconds`."""
    late = round(late_seconds * 50)
    made = {}
    for name, column in columns.items():
        if name in LIPS:
            ticks, step = np.arange(0, len(column), 2, dtype=np.int64), 2
        else:
            ticks, step = np.arange(len(column), dtype=np.int64) + late, 1
        made[name] = Series(ticks, Fraction(1, 50), column[::step].astype(np.float32))
    return made


def clip(series: Mapping[str, Series], seconds: float, *, sound: bool = True) -> ClipSeries:
    audio = np.zeros((1, 16), np.float32) if sound else None
    footage = Footage(np.zeros((2, 64, 64, 3), np.uint8), audio=audio)
    return ClipSeries(Span(Fraction(0), Fraction(round(seconds))), video_info(footage), series)


def mixed(picture: int, sound: int, seconds: float) -> dict[str, Series]:
    one, other = speech(seconds, picture), speech(seconds, sound)
    return series_of({name: (one if name in LIPS else other)[name] for name in (*LIPS, *VOICE)})


@pytest.mark.parametrize("late", [-0.4, -0.1, 0.0, 0.06, 0.3])
def test_the_offset_is_found_and_positive_when_the_sound_is_late(late: float) -> None:
    found = agreement(series_of(speech(8), late))
    assert found.offset_seconds == pytest.approx(late, abs=0.021)
    assert (found.confidence > 3) == (abs(late) <= 0.12)


def test_agreement_does_not_depend_on_loudness_head_size_or_slow_drift() -> None:
    columns = speech(6)
    drift = np.linspace(0, 0.3, len(columns["jaw"]))
    changed = {k: 1.3 * v + drift if k in LIPS else v + 20 * drift for k, v in columns.items()}
    one, other = agreement(series_of(columns)), agreement(series_of(changed))
    assert other.agreement == pytest.approx(one.agreement, abs=0.02)
    assert one.agreement > 0.7


def test_short_clips_agree_more_by_chance_and_are_not_more_confident() -> None:
    spread = {}
    for seconds in (3, 12):
        found = [agreement(mixed(2 * k, 2 * k + 1, seconds)) for k in range(60)]
        spread[seconds] = [
            np.std([getattr(one, name) for one in found]) for name in ("agreement", "confidence")
        ]
    assert spread[3][0] > 1.5 * spread[12][0]
    assert spread[3][1] == pytest.approx(spread[12][1], rel=0.35)


def test_a_few_frames_without_a_face_do_not_matter_and_many_do() -> None:
    series = series_of(speech(6))
    some = {**series}
    for name in LIPS:
        values = series[name].values.astype(np.float32).copy()
        values[40:55] = np.nan
        some[name] = Series(series[name].ticks, series[name].time_base, values)
    whole = Lips().summarise(clip(series, 6))
    assert number(Lips().summarise(clip(some, 6)), "confidence") == pytest.approx(
        number(whole, "confidence"), rel=0.25
    )
    gone = {**series}
    for name in LIPS:
        values = series[name].values.astype(np.float32).copy()
        values[:40] = np.nan
        gone[name] = Series(series[name].ticks, series[name].time_base, values)
    assert Lips().summarise(clip(gone, 6))["agreement"].absent == "no-face"


def test_reasons_for_no_value() -> None:
    series = series_of(speech(6))
    absent = {
        "no-audio": clip(series, 6, sound=False),
        "too-short": clip(
            {k: v.within(Span(Fraction(0), Fraction(1))) for k, v in series.items()}, 1
        ),
        "no-speech": clip(
            {k: v if k in LIPS else quiet(v) for k, v in series.items()},
            6,
        ),
        "few-frames": clip({k: thinned(v) if k in LIPS else v for k, v in series.items()}, 6),
    }
    for reason, given in absent.items():
        assert {one.absent for one in Lips().summarise(given).values()} == {reason}


def quiet(series: Series) -> Series:
    return Series(series.ticks, series.time_base, np.full(len(series), -120, np.float32))


def thinned(series: Series) -> Series:
    return Series(series.ticks[::3], series.time_base, series.values[::3])


# ---- the voice


def levels(sound: Floats, seconds: int = 6) -> dict[str, Floats]:
    frames = np.zeros((25 * seconds, 64, 64, 3), np.uint8)
    footage = Footage(frames, audio=sound[None].astype(np.float32), sample_rate_hz=16_000)
    found = run(Lips(), footage, weights=model_files(Lips()))
    return {name: found[name].values.astype(np.float64) for name in VOICE}


def test_white_noise_at_full_power_has_level_0_in_every_band() -> None:
    noise = np.random.default_rng(1).normal(size=6 * 16_000)
    for name, level in levels(noise).items():
        assert float(np.mean(10 ** (level[5:-5] / 10))) == pytest.approx(1, abs=0.05), name
        assert len(level) == 300


def test_a_tone_is_heard_in_its_own_bands() -> None:
    time = np.arange(6 * 16_000) / 16_000
    heard = levels(0.1 * np.sin(2 * np.pi * 800 * time))
    loud = {name: float(np.median(level)) for name, level in heard.items()}
    assert min(loud["voice_low"], loud["voice_middle"]) > -20
    assert max(loud["voice_formants"], loud["voice_high"]) < -60


def test_a_burst_is_heard_at_its_time_on_either_side_of_a_tile() -> None:
    for start in (1.0, 3.98, 4.0):
        sound = np.zeros(6 * 16_000)
        first = round(start * 16_000)
        sound[first - 80 : first + 80] = np.random.default_rng(2).normal(size=160)
        peak = np.argmax(levels(sound)["voice_middle"])
        assert peak / 50 == pytest.approx(start, abs=1e-9)


# ---- the face


def test_lengths_are_over_the_distance_of_the_eyes_whatever_the_size() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(30, 478, 3))
    points[:, 33], points[:, 263] = (-5, 0, 0), (5, 0, 0)
    points[:, 78], points[:, 308] = (-3, 4, 0), (3, 4, 0)
    found = lips._lengths(points)
    assert found[:, LIPS.index("width")] == pytest.approx(np.full(30, 0.6))
    assert lips._lengths(points * 7) == pytest.approx(found)
    points[4] = np.nan
    assert np.isnan(lips._lengths(points)).all(axis=1).tolist() == [k == 4 for k in range(30)]


def test_between_two_looks_the_place_moves_evenly_unless_it_is_another_face() -> None:
    one = Detection(0.9, Box(0, 0, 10, 10), 0.0)
    near = Detection(0.9, Box(2, 0, 12, 10), 0.2)
    far = Detection(0.9, Box(50, 0, 60, 10), 0.0)
    middle = lips._between(one, near, 0.5)
    assert middle is not None
    assert middle.box == Box(1, 0, 11, 10)
    assert middle.tilt_radians == pytest.approx(0.1)
    assert lips._between(one, far, 0.4) is one
    assert lips._between(one, far, 0.6) is far
    assert lips._between(one, None, 0.2) is one
    assert lips._between(one, None, 0.8) is None


def test_a_mouth_measured_at_half_the_size_moves_the_same() -> None:
    path = own("talk_f_01_hdtf.mp4")
    need = FrameNeed(view=View.rgb, fps=Fraction(25), max_side_px=640)
    tile = next(read_tiles(path, probe(path), (need,), Tiles.all(1), stats=DecodeStats()))
    frames = tile.blocks[need].pixels[:50]  # type: ignore[union-attr]
    half = np.stack([cv2.resize(one, None, fx=0.5, fy=0.5) for one in frames])
    files = model_files(Lips())
    full, small = (
        run(Lips(), Footage(np.ascontiguousarray(x)), weights=files) for x in (frames, half)
    )
    for name in LIPS[:3]:
        one, other = (found[name].values.astype(np.float64) for found in (full, small))
        assert np.corrcoef(one, other)[0, 1] > 0.9, name
        assert np.mean(one) == pytest.approx(np.mean(other), rel=0.05)


def test_confidences_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Lips(min_presence=1.5)
