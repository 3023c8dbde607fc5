"""Offsets in real files: motion capture beside its render, a transcript, flashes with beeps, people who talk."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from curator.abc.aligner import Aligner, Pair
from curator.abc.measure import Measure
from curator.align.estimate.lips import Lips
from curator.align.estimate.movement import MovementAligner
from curator.align.estimate.onsets import Onsets
from curator.align.estimate.pose_speed import PoseSpeed
from curator.align.estimate.speech_text import SpeechText
from curator.measure.face import Lips as LipsMeasure
from curator.measure.onsets import Onsets as OnsetsMeasure
from curator.measure.speech import Speech
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Offset
from curator.model.track import MotionTrack, NumberTrack, Skeleton
from curator.testing.tiles import Footage, run, video_info
from tests.footage import shared
from tests.measured import measured
from tests.unit.align import planted

NANO = Fraction(1, 10**9)


def of_file(measure: Measure, path: str, span: Span | None = None) -> Pair:
    """A whole file as one clip, with the measure's series."""
    found = measured(measure, shared(f"fixtures/{path}"))
    series = {f"{measure.name}.{name}": one for name, one in found.series.items()}
    return Pair(
        span=span or Span(Fraction(0), found.info.duration_seconds), video=found.info, series=series
    )


def late(series: Series, seconds: float) -> Series:
    """The series with its time stamps later by `seconds`."""
    ticks = np.round((series.seconds + seconds) * 1e9).astype(np.int64)
    return Series(ticks, NANO, series.values)


def seconds_of(offset: Offset) -> float:
    assert offset.seconds is not None, offset.absent
    return offset.seconds


# ---- motion capture


@cache
def capture(name: str) -> tuple[MotionTrack, float, int]:
    """The skeleton of a render on its own clock, the truth of its offset, and the video's frame rate."""
    truth = json.loads(shared(f"fixtures/gt/{name}_sync.json").read_text())
    with np.load(shared(f"fixtures/mocap/{name}_joints.npz")) as file:
        count = len(file["positions"])
        track = MotionTrack(
            ticks=np.round(np.arange(count) / float(file["fps"]) * 1e9).astype(np.int64),
            time_base=NANO,
            skeleton=Skeleton(
                joints=tuple(map(str, file["names"])), parents=tuple(file["parents"].tolist())
            ),
            positions=file["positions"],
        )
    # What happens at video time t has the stamp t - video_offset_s in the capture.
    return track, -float(truth["video_offset_s"]), int(truth["video_fps"])


@pytest.mark.parametrize("name", ["wave_hello", "jumping_jacks"])
@pytest.mark.parametrize("planted_seconds", [-1.0, -0.37, 0.0, 0.05, 0.6, 1.0])
@pytest.mark.parametrize("drift", [0.0, 0.001])
@pytest.mark.parametrize("aligner", [MovementAligner(), PoseSpeed()])
def test_a_planted_offset_of_motion_capture_is_found_within_a_frame(
    name: str, planted_seconds: float, drift: float, aligner: Aligner
) -> None:
    track, base, fps = capture(name)
    pair = of_file(OnsetsMeasure(), f"mocap/{name}_render.mp4")
    stamps = track.seconds * (1 + drift) + planted_seconds
    moved = replace(track, ticks=np.round(stamps * 1e9).astype(np.int64))
    found = aligner.estimate(replace(pair, track=moved), max_offset_seconds=1.6)
    middle = float(pair.span.end) / 2
    truth = (middle + base) * (1 + drift) + planted_seconds - middle
    assert seconds_of(found) == pytest.approx(truth, abs=1 / fps)
    assert found.confidence > 2


def test_another_capture_does_not_go_with_the_render() -> None:
    pair = of_file(OnsetsMeasure(), "mocap/jumping_jacks_render.mp4")
    found = MovementAligner().estimate(
        replace(pair, track=capture("wave_hello")[0]), max_offset_seconds=1.0
    )
    assert found.confidence < 2.5


def test_joint_angles_as_plain_numbers_go_as_well() -> None:
    track, base, fps = capture("wave_hello")
    pair = of_file(OnsetsMeasure(), "mocap/wave_hello_render.mp4")
    flat = track.positions.reshape(len(track.ticks), -1)
    numbers = NumberTrack(series=Series(track.ticks, track.time_base, flat))
    found = MovementAligner().estimate(replace(pair, track=numbers), max_offset_seconds=1.0)
    assert seconds_of(found) == pytest.approx(base, abs=1 / fps)


def test_two_seconds_at_five_frames_are_too_little_for_a_robot() -> None:
    with np.load(shared("fixtures/robotics/bridge_episodes/ep00.npz")) as file:
        state = planted.numbers(file["state"].astype(np.float64), 5, 0)
    pair = of_file(OnsetsMeasure(), "robotics/bridge_episodes/ep00.mp4")
    found = MovementAligner().estimate(replace(pair, track=state), max_offset_seconds=0.4)
    assert found.absent == "too-short"


# ---- text


@pytest.mark.parametrize("planted_seconds", [-0.8, 0.0, 1.75])
def test_a_transcript_is_as_late_as_it_was_made(planted_seconds: float) -> None:
    truth = json.loads(shared("fixtures/gt/jfk.json").read_text())
    said = [(s["start"] + planted_seconds, s["end"] + planted_seconds) for s in truth["segments"]]
    said = [(max(0.0, a), b) for a, b in said]
    pair = of_file(Speech(), "formats/v_jfk_subs_2tracks.mkv")
    found = SpeechText().estimate(replace(pair, track=planted.cues(said)), max_offset_seconds=2.5)
    assert seconds_of(found) == pytest.approx(planted_seconds, abs=0.12)
    assert found.confidence > 1


# ---- flashes and beeps


@pytest.mark.parametrize("offset", [-0.5, -0.213, 0.0, 0.04, 0.4871])
@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001), Fraction(50)])
def test_flash_and_beep_are_told_apart_by_milliseconds(offset: float, fps: Fraction) -> None:
    rate, count = 48_000, int(9 * fps)
    frames = np.full((count, 90, 160), 40, np.uint8)
    sound = np.zeros((1, 9 * rate), np.float32)
    for second in (0.9, 2.1, 3.7, 4.4, 6.2, 7.8):
        frame = round(second * fps)
        frames[frame : frame + 2, 20:60, 40:100] = 220
        at = round((float(frame / fps) + offset) * rate)
        tone = 0.4 * np.sin(2 * np.pi * 1000 * np.arange(int(0.05 * rate)) / rate)
        sound[0, at : at + len(tone)] = tone
    footage = Footage(frames, fps=fps, audio=sound)
    series = {f"onsets.{name}": one for name, one in run(OnsetsMeasure(), footage).items()}
    pair = Pair(span=Span(Fraction(0), Fraction(9)), video=video_info(footage), series=series)
    found = Onsets().estimate(pair, max_offset_seconds=0.55)
    assert seconds_of(found) == pytest.approx(offset, abs=0.0015)
    assert found.confidence > 4


# ---- people


def shifted(pair: Pair, seconds: float) -> Pair:
    """The pair with its sound later by `seconds`."""
    heard = Lips().of_track
    series = {
        name: late(one, seconds) if name in heard else one for name, one in pair.series.items()
    }
    return replace(pair, series=series)


@pytest.mark.parametrize(
    "name", ["talk_f_01_hdtf.mp4", "talk_f_03_portrait_hevc.mp4", "talk_m_04_portrait_hevc.mp4"]
)
def test_a_voice_that_was_shifted_is_found_that_much_later(name: str) -> None:
    pair = of_file(LipsMeasure(), f"avatar/{name}")
    base = Lips().estimate(pair, max_offset_seconds=0.6)
    # One of them was published 0.13 s late; the two others are in sync.
    assert abs(seconds_of(base)) < (0.16 if "hdtf" in name else 0.05)
    assert base.confidence > 2
    for frames in (-11, -4, 3, 9):
        found = Lips().estimate(shifted(pair, frames / 25), max_offset_seconds=0.6)
        assert seconds_of(found) - seconds_of(base) == pytest.approx(frames / 25, abs=0.04)


@pytest.mark.parametrize(
    ("name", "most"), [("dubbed", 3.2), ("nonspeech", 1.5), ("reversed_audio", 1.5)]
)
def test_a_sound_that_is_not_theirs_has_a_low_confidence(name: str, most: float) -> None:
    # This dub happens to keep time with the lips: one in a hundred does so far.
    pairs = (of_file(LipsMeasure(), f"sync/{one}.mp4") for one in ("sync_000", name))
    own, other = (Lips().estimate(pair, max_offset_seconds=0.5) for pair in pairs)
    assert other.absent is not None or other.confidence < most
    assert own.confidence > other.confidence + 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("avatar/face_silent_track.mp4", "no-speech"),
        ("sync/noaudio.mp4", "no-audio"),
        ("reject/toy_pig.mp4", "no-face"),
    ],
)
def test_what_cannot_be_told_says_why(path: str, reason: str) -> None:
    assert Lips().estimate(of_file(LipsMeasure(), path), max_offset_seconds=0.5).absent == reason
