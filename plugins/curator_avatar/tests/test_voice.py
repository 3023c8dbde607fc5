"""Voice quality: falls with every decibel of noise, is lowest for music, and is absent for silence."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from curator_avatar import Voice

from curator.errors import MeasureError
from curator.model.series import Series
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run
from plugins.curator_avatar.tests.sounds import RATE_HZ, mixed, sound_of, video_with
from tests.footage import own, shared
from tests.measured import measured, model_files

_Floats = npt.NDArray[np.float32]


class TestVoice(MeasureTests):
    measure = Voice()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


def heard(sound: _Floats) -> dict[str, Series]:
    return run(Voice(), video_with(sound), weights=model_files(Voice()))


def median(sound: _Floats, name: str = "overall") -> float:
    return float(np.nanmedian(heard(sound)[name].values))


@pytest.fixture(scope="module")
def reading() -> _Floats:
    return sound_of(shared("fixtures/audio/libri-1088-134315-0000.wav"))[: 8 * RATE_HZ]


def test_a_reading_sounds_good_and_worse_with_every_step_of_noise(reading: _Floats) -> None:
    noise = np.random.default_rng(1).normal(0, 1, len(reading)).astype(np.float32)
    ladder = [reading, *(mixed(reading, noise, ratio_db=db) for db in (20, 10, 0))]
    overall = [median(sound) for sound in ladder]
    background = [median(sound, "background") for sound in ladder]
    assert overall[0] > 2.9
    assert all(one - other > 0.2 for one, other in pairwise(overall))
    assert all(one > other for one, other in pairwise(background))


def test_music_under_a_voice_intrudes(reading: _Floats) -> None:
    music = sound_of(shared("fixtures/avatar/face_music.mp4"))
    clear, low, loud = (
        median(sound, "background")
        for sound in (reading, *(mixed(reading, music, ratio_db=db) for db in (15, 0)))
    )
    assert clear > low > loud
    assert clear - loud > 1


@pytest.mark.parametrize("path", ["avatar/face_music.mp4", "audio/rain.mp3"])
def test_music_and_rain_are_no_good_voices(path: str) -> None:
    assert median(sound_of(shared(f"fixtures/{path}"))[: 8 * RATE_HZ]) < 1.6


def test_a_talking_head_of_our_own_footage_sounds_good() -> None:
    overall = measured(Voice(), own("talk_f_01_hdtf.mp4")).values("overall")
    assert float(np.nanmedian(overall.astype(np.float64))) > 2.8


def test_short_windows_say_what_the_published_way_says_of_nine_seconds() -> None:
    sound = sound_of(own("talk_f_01_hdtf.mp4"))
    session = Voice().start(model_files(Voice()))
    whole = session._score(sound)  # type: ignore[attr-defined]
    for name, published in zip(("signal", "background", "overall"), whole, strict=True):
        assert median(sound, name) == pytest.approx(published, abs=0.35)


def test_values_lie_at_odd_seconds_and_silence_has_none(reading: _Floats) -> None:
    sound = reading.copy()
    sound[4 * RATE_HZ :] = 0
    found = heard(sound)
    assert {len(one) for one in found.values()} == {4}
    assert found["overall"].seconds.tolist() == [1, 3, 5, 7]
    assert np.isfinite(found["overall"].values).tolist() == [True, True, True, False]


def test_a_second_that_the_stream_lacks_changes_nothing_around_it(reading: _Floats) -> None:
    covered = np.arange(len(reading)) < 4 * RATE_HZ
    frames = np.zeros((8 * 25, 16, 16, 3), np.uint8)
    footage = Footage(frames, audio=reading[None], sample_rate_hz=RATE_HZ, covered=covered)
    found = run(Voice(), footage, weights=model_files(Voice()))["overall"].values
    short = heard(reading[: 4 * RATE_HZ])["overall"].values
    assert found[:2].tolist() == short.tolist()
    assert np.isnan(found[3])


def test_without_onnxruntime_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MeasureError) as caught:
        Voice().start({"dnsmos-p835": tmp_path / "x"})
    assert caught.value.reason == "extra-missing"
