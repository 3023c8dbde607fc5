"""Speech: heard where it is, not heard elsewhere, and the same however tiles were cut."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from curator.abc.measure import ClipSeries
from curator.errors import MeasureError
from curator.infer.onnx import open_session
from curator.measure import speech
from curator.measure.speech import Speech
from curator.model.series import Series
from curator.model.span import Span
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run, summary, video_info
from tests.footage import own, shared
from tests.measured import measured, model_files

RATE = 16_000


class TestSpeech(MeasureTests):
    measure = Speech()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


def sound_of(path: Path) -> npt.NDArray[np.float32]:
    """``(n,)`` mono at 16 kHz."""
    resampler = av.AudioResampler("fltp", "mono", RATE)
    with av.open(str(path)) as container:
        frames = [r for frame in container.decode(audio=0) for r in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def video_with(sound: npt.NDArray[np.float32]) -> Footage:
    """Sound on a black video of the same length."""
    frames = np.zeros((-(-len(sound) * 25 // RATE), 16, 16, 3), np.uint8)
    return Footage(frames, audio=sound[None], sample_rate_hz=RATE)


def heard(footage: Footage) -> dict[str, Series]:
    return run(Speech(), footage, weights=model_files(Speech()))


def share(footage: Footage) -> float:
    value = summary(Speech(), footage, weights=model_files(Speech()))["share"].value
    assert isinstance(value, float)
    return value


@pytest.fixture(scope="module")
def jfk() -> npt.NDArray[np.float32]:
    return sound_of(shared("fixtures/audio/jfk.flac"))


# ---- known speech


def test_the_phrases_of_a_known_speech_are_heard_and_its_pauses_are_not(
    jfk: npt.NDArray[np.float32],
) -> None:
    phrases = json.loads(shared("fixtures/gt/jfk.json").read_text())["segments"]
    active = heard(video_with(jfk))["active"]
    times = active.seconds + 0.016
    slack = 0.15  # the phrases' ends were padded and rounded
    inside = np.zeros(len(times), np.bool_)
    near = np.zeros(len(times), np.bool_)
    for phrase in phrases:
        inside |= (times > phrase["start"] + slack) & (times < phrase["end"] - slack)
        near |= (times > phrase["start"] - slack) & (times < phrase["end"] + slack)
    assert active.values[inside].mean() > 0.95
    assert active.values[~near].mean() < 0.05


def test_a_clip_between_two_phrases_is_a_pause(jfk: npt.NDArray[np.float32]) -> None:
    files = model_files(Speech())
    span = Span(Fraction(22, 10), Fraction(33, 10))  # "... Americans, | ask not ..."
    signals = summary(Speech(), video_with(jfk), span=span, weights=files)
    pause = signals["longest_pause_seconds"].value
    assert isinstance(pause, float)
    assert pause == pytest.approx(0.9, abs=0.2)
    whole = summary(Speech(), video_with(jfk), weights=files)
    assert 0.55 < float(whole["share"].value or 0) < 0.8
    assert float(whole["seconds"].value or 0) == pytest.approx(
        11 * float(whole["share"].value or 0), rel=0.01
    )


def test_late_sound_is_heard_late(jfk: npt.NDArray[np.float32]) -> None:
    late = np.concatenate([np.zeros(7 * 512, np.float32), jfk])
    one, other = heard(video_with(jfk))["active"], heard(video_with(late))["active"]
    moved = other.values[7 : 7 + len(one)]
    assert not other.values[:7].any()
    assert np.mean(moved != one.values) < 0.02


@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        ("audio/libri-1088-134315-0000.wav", 0.85, 1.0),
        ("audio/dub_speech_01.wav", 0.7, 1.0),
        ("audio/rain.mp3", 0.0, 0.02),
    ],
)
def test_speech_fills_a_reading_and_not_the_rain(path: str, low: float, high: float) -> None:
    assert low <= share(video_with(sound_of(shared(f"fixtures/{path}")))) <= high


@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        ("avatar/talk_m_04_portrait_hevc.mp4", 0.6, 0.9),
        ("avatar/face_music.mp4", 0.0, 0.02),
        ("avatar/face_silent_track.mp4", 0.0, 0.0),
        ("film/bbb_0_30.webm", 0.0, 0.02),
    ],
)
def test_talkers_speak_and_music_and_silence_do_not(path: str, low: float, high: float) -> None:
    found = measured(Speech(), shared(f"fixtures/{path}")).signals()
    assert low <= float(found["share"].value or 0) <= high


def test_a_talking_head_of_our_own_footage_speaks() -> None:
    found = measured(Speech(), own("talk_f_01_hdtf.mp4"))
    assert float(found.signals()["share"].value or 0) > 0.8


# ---- silence and absence


def test_digital_silence_is_exactly_no_speech(jfk: npt.NDArray[np.float32]) -> None:
    gap = jfk.copy()
    gap[5 * RATE : 9 * RATE] = 0
    series = heard(video_with(gap))
    inside = (series["probability"].seconds >= 5.04) & (series["probability"].seconds < 8.9)
    assert not series["probability"].values[inside].any()
    assert not series["active"].values[inside].any()


def test_sound_that_the_stream_does_not_have_is_no_speech(jfk: npt.NDArray[np.float32]) -> None:
    frames = np.zeros((11 * 25, 16, 16, 3), np.uint8)
    covered = np.arange(len(jfk)) < 5 * RATE
    footage = Footage(frames, audio=jfk[None], sample_rate_hz=RATE, covered=covered)
    series = heard(footage)["probability"]
    assert series.values[series.seconds >= 5.04].max() == 0
    assert series.values.max() > 0.9


def test_a_video_without_sound_has_no_speech_signals_rather_than_none_spoken() -> None:
    silent = Footage(np.zeros((50, 16, 16, 3), np.uint8))
    signals = summary(Speech(), silent, weights=model_files(Speech()))
    assert {signal.absent for signal in signals.values()} == {"no-audio"}


# ---- windows, tiles, memory


def test_windows_are_32_ms_on_the_videos_clock_and_no_tile_lacks_one(
    jfk: npt.NDArray[np.float32],
) -> None:
    series = heard(video_with(jfk))["probability"]
    assert series.time_base == Fraction(4, 125)
    assert series.ticks.tolist() == list(range(len(series)))
    assert len(series) == -(-len(jfk) // 512)


def test_tiles_hear_nearly_what_one_pass_from_the_start_hears(
    jfk: npt.NDArray[np.float32],
) -> None:
    session = open_session(model_files(Speech())["silero-vad"], wanted_by="speech", extra="audio")
    count = len(jfk) // 512
    padded = np.concatenate([np.zeros(64, np.float32), jfk])
    windows = np.stack([padded[512 * k : 512 * k + 576] for k in range(count)])
    memory = np.zeros((1, 1, 128), np.float32)
    whole = session.run(["speech_probs"], {"input": windows, "h": memory, "c": memory})[0]
    tiled = heard(video_with(jfk))["probability"].values[:count]
    assert tiled[:250] == pytest.approx(whole[:250], abs=1e-5)  # the same 8 s of memory
    assert np.mean((tiled > 0.5) != (whole > 0.5)) < 0.01


def test_speech_that_wavers_goes_on_until_it_is_clearly_over() -> None:
    probability = np.array([0.4, 0.5, 0.36, 0.49, 0.34, 0.45, 0.9], np.float32)
    assert speech._hysteresis(probability).tolist() == [0, 1, 1, 1, 0, 0, 1]


def test_signals_count_windows() -> None:
    active = np.array([0, 0, 1, 1, 0, 1, 0, 0, 0, 1], np.float32)
    series = {
        name: Series(np.arange(10, dtype=np.int64), Fraction(4, 125), active)
        for name in ("probability", "active")
    }
    span = Span(Fraction(0), Fraction(320, 1000))
    info = video_info(
        Footage(np.zeros((8, 16, 16, 3), np.uint8), audio=np.zeros((1, 1), np.float32))
    )
    signals = Speech().summarise(ClipSeries(span, info, series))
    assert signals["share"].value == pytest.approx(0.4)
    assert signals["seconds"].value == pytest.approx(0.128)
    assert signals["longest_pause_seconds"].value == pytest.approx(0.096)


# ---- what is missing


def test_without_onnxruntime_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MeasureError) as caught:
        Speech().start({"silero-vad": tmp_path / "x"})
    assert caught.value.reason == "extra-missing"
    assert "curator-build[audio]" in str(caught.value.hint)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a network")
    with pytest.raises(MeasureError) as caught:
        Speech().start({"silero-vad": tmp_path / "x"})
    assert caught.value.reason == "weights-unreadable"
