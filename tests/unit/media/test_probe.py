from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from curator.errors import MediaError
from curator.media.probe import Clock, probe
from curator.media.safety import Limits
from curator.media.stored import dump, load
from curator.testing.footage import make_video, noise, still, tone


def reason_of(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(MediaError) as caught:
        probe(path, limits=limits)
    assert caught.value.message
    return caught.value.reason


def test_the_table_has_every_frame_at_its_time(film: Path) -> None:
    found = probe(film)
    assert len(found.table) == 195
    assert [found.table.time(i) for i in range(195)] == [Fraction(i, 15) for i in range(195)]
    assert found.info.duration_seconds == 13
    assert found.info.fps == pytest.approx(15)
    assert not found.info.is_variable_rate
    assert found.clock is Clock.pts
    assert np.flatnonzero(found.entries).tolist() == list(range(0, 195, 15))
    assert found.info.max_keyframe_gap_seconds == 1


def test_variable_rate_and_a_late_start(uneven: Path) -> None:
    info = probe(uneven).info
    assert info.is_variable_rate
    assert float(info.start_seconds) == pytest.approx(10, abs=0.002)
    assert info.notes == ()
    assert probe(uneven).table.ticks[0] == 0


def test_sound_that_begins_late_says_so(film: Path) -> None:
    (audio,) = probe(film).info.audio
    # AAC begins with 1024 samples of priming, which FFmpeg shows here as silence.
    assert float(audio.start_seconds) == pytest.approx(0.5 - 1024 / 48000, abs=0.002)
    assert (audio.codec, audio.sample_rate_hz, audio.channels) == ("aac", 48000, 1)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_rotation_is_the_clockwise_turn_of_a_player(tmp_path: Path, turn: int) -> None:
    make_video(tmp_path / "a.mp4", [still(0.2)], rotation=turn, sample_aspect=Fraction(4, 3))
    video = probe(tmp_path / "a.mp4").info.video
    assert video.rotation_degrees == turn
    assert video.sample_aspect == Fraction(4, 3)
    sizes = {0: (427, 180), 180: (427, 180), 90: (180, 427), 270: (180, 427)}
    assert (video.display_width_px, video.display_height_px) == sizes[turn]


def test_h264_in_avi_has_no_presentation_times(tmp_path: Path) -> None:
    make_video(tmp_path / "a.avi", [noise(1)], gop=15)
    assert probe(tmp_path / "a.avi").clock is Clock.output


def test_a_probe_survives_storage(film: Path, uneven: Path) -> None:
    for path in (film, uneven):
        found = probe(path)
        data = dump(found)
        again = load(data)
        assert dump(again) == data
        assert again.info == found.info
        assert again.table.ticks.tolist() == found.table.ticks.tolist()
        assert again.table.keyframes.tolist() == found.table.keyframes.tolist()
        assert again.entries.tolist() == found.entries.tolist()
        assert (again.clock, again.first_pts) == (found.clock, found.first_pts)


def test_repaired_times_survive_storage(film: Path) -> None:
    found = probe(film)
    repaired = replace(found, clock=Clock.packets, packet_ticks=found.table.ticks[::-1].copy())
    ticks = load(dump(repaired)).packet_ticks
    assert ticks is not None
    assert ticks.tolist() == found.table.ticks[::-1].tolist()


def test_bytes_that_are_no_stored_probe_are_refused(film: Path) -> None:
    with pytest.raises(ValueError, match="not a stored probe"):
        load(b"garbage")
    with pytest.raises(ValueError, match="length"):
        load(dump(probe(film)) + b"x")


def test_what_cannot_be_a_video_is_named_precisely(tmp_path: Path) -> None:
    cases = {
        "empty.mp4": (b"", "empty-file"),
        "page.mp4": (b"<!DOCTYPE html><title>404</title>" + b" " * 100, "not-a-video"),
        "lfs.mp4": (b"version https://git-lfs.github.com/spec/v1\n", "not-a-video"),
        "picture.mkv": (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "not-a-video"),
        "cut.mp4": (b"\0\0\0\x18ftypisom" + b"\0" * 12 + b"\0\0\1\0mdat", "damaged-header"),
        "random.mp4": (np.random.default_rng(0).bytes(4096), "not-a-video"),
    }
    for name, (data, reason) in cases.items():
        (tmp_path / name).write_bytes(data)
        assert reason_of(tmp_path / name) == reason, name
    (tmp_path / "folder.mp4").mkdir()
    assert reason_of(tmp_path / "folder.mp4") == "not-a-file"
    assert reason_of(tmp_path / "missing.mp4") == "not-found"


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert reason_of(path) == "no-video"


def test_limits_are_refusals(film: Path) -> None:
    assert reason_of(film, Limits(max_pixels=100 * 100)) == "too-many-pixels"
    assert reason_of(film, Limits(max_streams=1)) == "too-many-streams"
    assert reason_of(film, Limits(max_packets=100)) == "too-many-packets"


def test_a_file_cut_short_says_so(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "fast.mp4"
    make_video(path, [noise(3)], mux={"movflags": "+faststart"}, audio=[tone(3, 440)])
    whole = probe(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    part = probe(path)
    assert "truncated" in part.info.notes
    assert "truncated" not in whole.info.notes
    assert 0 < len(part.table) < len(whole.table)
    assert part.table.ticks.max() <= whole.table.ticks.max()
