"""Loudness of signals with a known answer (EBU Tech 3341 and BS.1770), clipping and silence."""

from __future__ import annotations

import numpy as np
import pytest

from curator.measure.loudness import Loudness
from curator.testing.tiles import Footage, run, summary

_SECONDS = 6


def _footage(sound: np.ndarray, rate: int = 48_000, covered: np.ndarray | None = None) -> Footage:
    frames = np.zeros((25 * _SECONDS, 32, 32), np.uint8)
    audio = np.atleast_2d(sound).astype(np.float32)
    return Footage(frames, audio=audio, sample_rate_hz=rate, covered=covered)


def _tone(
    dbfs: float, *, hz: float = 1000, rate: int = 48_000, seconds: float = _SECONDS
) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * time)


def _signals(footage: Footage) -> dict[str, float | str | None]:
    return {
        name: signal.absent or signal.value for name, signal in summary(Loudness(), footage).items()
    }


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("dbfs", [-23, -33])
def test_a_stereo_tone_of_1_khz_is_as_loud_as_its_level(rate: int, dbfs: float) -> None:
    tone = _tone(dbfs, rate=rate)
    loud = _signals(_footage(np.stack([tone, tone]), rate))["integrated_lufs"]
    assert loud == pytest.approx(dbfs, abs=0.1)  # EBU Tech 3341, cases 1 and 2


def test_a_mono_tone_is_3_db_lower_and_its_peak_is_its_peak() -> None:
    signals = _signals(_footage(_tone(-20)))
    assert signals["integrated_lufs"] == pytest.approx(-23.01, abs=0.1)
    assert signals["peak_dbfs"] == pytest.approx(-20, abs=0.01)
    assert signals["clipped_share"] == signals["silent_share"] == 0


def test_low_frequencies_count_less_and_high_ones_more() -> None:
    # Response of the K filter, relative to 1 kHz: about -1.1 dB at 100 Hz and +3.3 dB at 10 kHz.
    level = {
        hz: _signals(_footage(_tone(-20, hz=hz)))["integrated_lufs"] for hz in (100, 1000, 10_000)
    }
    assert level[100] - level[1000] == pytest.approx(-1.8, abs=0.3)  # type: ignore[operator]
    assert level[10_000] - level[1000] == pytest.approx(3.3, abs=0.3)  # type: ignore[operator]


def test_quiet_stretches_are_gated_out() -> None:
    tone = _tone(-20)
    tone[48_000 * 3 :] *= 10 ** (-25 / 20)  # more than 10 LU below the rest
    signals = _signals(_footage(tone))
    assert signals["integrated_lufs"] == pytest.approx(-23, abs=0.35)


def test_surround_channels_weigh_more_and_the_lfe_nothing() -> None:
    silence = np.zeros(48_000 * _SECONDS)
    tone = _tone(-20)
    only = [np.stack([tone if k == at else silence for k in range(6)]) for at in (0, 3, 4)]
    front, lfe, side = (_signals(_footage(sound))["integrated_lufs"] for sound in only)
    assert side - front == pytest.approx(10 * np.log10(1.41), abs=0.02)  # type: ignore[operator]
    assert lfe == "silent"


def test_clipping_is_counted_in_runs_at_full_scale() -> None:
    tone = np.clip(_tone(6, hz=100), -1, 1)
    share = np.mean(np.abs(tone) >= 0.999)
    assert _signals(_footage(tone))["clipped_share"] == pytest.approx(share, abs=0.01)
    touching = _tone(-20)
    touching[::4800] = 1.0  # single samples are peaks, not clipping
    signals = _signals(_footage(touching))
    assert (signals["clipped_share"], signals["peak_dbfs"]) == (0.0, 0.0)


def test_digital_silence_lies_at_the_floor() -> None:
    footage = _footage(np.zeros((2, 48_000 * _SECONDS)))
    assert (run(Loudness(), footage)["level"].values == -120).all()
    signals = _signals(footage)
    assert signals["integrated_lufs"] == "silent"
    assert (signals["silent_share"], signals["peak_dbfs"]) == (1.0, -120.0)


def test_silence_for_two_seconds_is_a_third_of_the_clip() -> None:
    tone = _tone(-20)
    tone[48_000 : 48_000 * 3] = 0
    footage = _footage(tone)
    assert _signals(footage)["silent_share"] == pytest.approx(1 / 3)
    silent = run(Loudness(), footage)["silent"]
    assert silent.seconds[silent.values > 0].tolist() == pytest.approx(np.arange(1, 3, 0.1))


def test_where_the_stream_has_no_sound_it_is_silent() -> None:
    covered = np.ones(48_000 * _SECONDS, np.bool_)
    covered[: 48_000 * 3] = False
    assert _signals(_footage(_tone(-20), covered=covered))["silent_share"] == pytest.approx(0.5)


def test_tiles_meet_without_a_seam() -> None:
    level = run(Loudness(), _footage(_tone(-20, hz=60)))["level"]
    assert np.ptp(level.values[5:]) < 0.3
    assert len(level) == 10 * _SECONDS


def test_a_video_without_sound_says_so() -> None:
    footage = Footage(np.zeros((25, 32, 32), np.uint8))
    assert run(Loudness(), footage) == {}
    assert set(_signals(footage).values()) == {"no-audio"}
