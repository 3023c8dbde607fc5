"""Voices: one where one speaks, two where two do, none where nobody does."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from curator_avatar import Speakers
from curator_avatar.encoder import ENCODER, WINDOW, Encoder
from curator_avatar.groups import grouped

from curator.abc.measure import ClipSeries
from curator.errors import MeasureError
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run, summary, video_info
from plugins.curator_avatar.tests.sounds import RATE_HZ, mixed, sound_of, video_with
from tests.footage import own, shared
from tests.measured import measured, model_files

_Floats = npt.NDArray[np.float32]


class TestSpeakers(MeasureTests):
    measure = Speakers()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


def judged(sound: _Floats, span: Span | None = None) -> Mapping[str, Signal]:
    return summary(Speakers(), video_with(sound), span=span, weights=model_files(Speakers()))


def number(signal: Signal) -> float:
    assert isinstance(signal.value, float), signal
    return signal.value


@pytest.fixture(scope="module")
def reader() -> _Floats:
    return sound_of(shared("fixtures/audio/libri-1088-134315-0000.wav"))


@pytest.fixture(scope="module")
def other() -> _Floats:
    return sound_of(shared("fixtures/audio/dub_speech_01.wav"))


# ---- one and two


def test_a_reading_is_by_one_voice(reader: _Floats) -> None:
    signals = judged(reader[: 10 * RATE_HZ])
    assert number(signals["count"]) == 1
    assert number(signals["similarity"]) > 0.6


def test_two_who_follow_one_another_are_two(reader: _Floats, other: _Floats) -> None:
    level = np.sqrt(np.mean(reader**2) / np.mean(other**2))
    both = np.concatenate([reader[: 5 * RATE_HZ], level * other[: 5 * RATE_HZ]])
    signals = judged(both.astype(np.float32))
    assert number(signals["count"]) == 2
    assert number(signals["similarity"]) < 0.5
    halves = [Span(Fraction(0), Fraction(5)), Span(Fraction(5), Fraction(10))]
    for half in halves:  # windows that reach into the other half are not looked at
        assert number(judged(both, half)["count"]) == 1
        assert number(judged(both, half)["similarity"]) > 0.6


def test_a_talker_of_our_own_footage_is_one_voice() -> None:
    signals = measured(Speakers(), own("talk_f_01_hdtf.mp4")).signals()
    assert number(signals["count"]) == 1
    assert number(signals["similarity"]) > 0.6


@pytest.mark.parametrize("name", ["talk_f_03_portrait_hevc", "talk_m_04_portrait_hevc"])
def test_talkers_are_one_voice(name: str) -> None:
    signals = measured(Speakers(), shared(f"fixtures/avatar/{name}.mp4")).signals()
    assert number(signals["count"]) == 1
    assert number(signals["similarity"]) > 0.55


def test_music_under_a_voice_does_not_make_it_two(reader: _Floats) -> None:
    music = sound_of(shared("fixtures/avatar/face_music.mp4"))
    signals = judged(mixed(reader[: 8 * RATE_HZ], music, ratio_db=10))
    assert number(signals["count"]) == 1
    assert number(signals["similarity"]) > 0.5


# ---- nobody


def test_music_has_no_voice_rather_than_a_strange_one() -> None:
    music = sound_of(shared("fixtures/avatar/face_music.mp4"))
    found = run(Speakers(), video_with(music), weights=model_files(Speakers()))
    assert np.isnan(found["embedding"].values).all()
    assert {one.absent for one in judged(music).values()} == {"too-little-speech"}


def test_windows_lie_twice_a_second_and_have_length_one(reader: _Floats) -> None:
    found = run(Speakers(), video_with(reader[: 9 * RATE_HZ]), weights=model_files(Speakers()))
    assert found["speech"].seconds.tolist() == [0.25 + 0.5 * k for k in range(18)]
    vectors = found["embedding"].values.astype(np.float64)
    there = np.isfinite(vectors).all(axis=1)
    assert there.sum() > 12
    assert np.linalg.norm(vectors[there], axis=1) == pytest.approx(1, abs=2e-3)
    assert (there == (found["speech"].values >= np.float32(0.5))).all()


def test_a_video_without_sound_has_no_voices() -> None:
    silent = Footage(np.zeros((50, 16, 16, 3), np.uint8))
    signals = summary(Speakers(), silent, weights=model_files(Speakers()))
    assert {signal.absent for signal in signals.values()} == {"no-audio"}


# ---- signals from vectors


def summarised(vectors: _Floats) -> Mapping[str, Signal]:
    ticks = 2 * np.arange(len(vectors), dtype=np.int64) + 1
    series = {"embedding": Series(ticks, Fraction(1, 4), vectors.astype(np.float16))}
    info = video_info(video_with(np.zeros(RATE_HZ, np.float32)))
    span = Span(Fraction(-1), Fraction(len(vectors)))
    return Speakers().summarise(ClipSeries(span, info, series))


def test_a_moment_of_another_voice_is_no_second_speaker_but_lowers_similarity() -> None:
    one, two = np.eye(256, dtype=np.float32)[:2]
    for others, count in ((1, 1), (2, 2)):
        signals = summarised(np.stack([one] * 8 + [two] * others))
        assert number(signals["count"]) == count
        assert number(signals["similarity"]) == 0


def test_groups_join_by_their_mean() -> None:
    # 0 and 1 are alike; 2 is like 1 but not like 0, on average too little.
    likeness = np.array([[1.0, 0.9, 0.2], [0.9, 1.0, 0.7], [0.2, 0.7, 1.0]])
    assert grouped(likeness, least=0.46) == [2, 1]
    assert grouped(likeness, least=0.44) == [3]
    assert grouped(likeness, least=0.95) == [1, 1, 1]
    assert grouped(np.ones((1, 1)), least=0.5) == [1]


# ---- the network


def test_the_network_is_the_one_that_pytorch_runs(reader: _Floats) -> None:
    torch = pytest.importorskip("torch")
    path = model_files(Speakers())[ENCODER.name]
    state = torch.load(path, weights_only=True, map_location="cpu")["model_state"]
    lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict({k[5:]: v for k, v in state.items() if k.startswith("lstm.")})
    encoder = Encoder(path)
    windows = np.stack([reader[k * RATE_HZ :][:WINDOW] for k in range(4)])
    loud = windows * (0.1 / np.sqrt(np.mean(windows**2, axis=1, keepdims=True)))
    with torch.no_grad():
        hidden = lstm(torch.from_numpy(encoder._mel(loud)))[1][0][-1]
        raw = torch.relu(hidden @ state["linear.weight"].T + state["linear.bias"])
        expected = (raw / raw.norm(dim=1, keepdim=True)).numpy()
    assert encoder(loud) == pytest.approx(expected, abs=1e-5)


def test_quiet_speech_is_raised_to_the_level_that_the_network_knows(reader: _Floats) -> None:
    encoder = Encoder(model_files(Speakers())[ENCODER.name])
    window = reader[:WINDOW][None]
    quiet = window * np.float32(0.01)
    assert encoder(quiet) == pytest.approx(encoder(window * np.float32(0.02)), abs=1e-4)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a network")
    with pytest.raises(MeasureError) as caught:
        Encoder(tmp_path / "x")
    assert caught.value.reason == "weights-unreadable"
