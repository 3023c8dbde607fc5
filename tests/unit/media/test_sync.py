"""Flash-and-beep films with known offsets: what is cut from them must have the same offset.

All containers, codecs and rates are in `benchmarks/sync.py`; here is one of each kind of clock.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from curator.media.encode import AudioTrack, VideoTrack, cut
from curator.media.probe import probe
from curator.media.stats import DecodeStats
from curator.media.stored import dump, load
from curator.model.span import Span
from curator.testing.beeps import make_beeps, measure_file

NTSC = Fraction(30000, 1001)
WRAP = Fraction(2**33, 90000)
"""When the 33 bits of a transport stream's clock are used up, seconds."""


def errors(
    path: Path, offset: Fraction, begin: float, end: float, fps: Fraction | None = None
) -> list[float]:
    """Seconds by which each beep of a clip, in either of its sound tracks, is not where it should be."""
    found = probe(path)
    table = found.table
    span = Span(*(table.time(table.index_at(Fraction(t))) for t in (begin, end)))
    (clip,) = cut(
        path, found, [span], video=VideoTrack(fps=fps), audio=AudioTrack(), stats=DecodeStats()
    )
    assert clip.video is not None
    assert clip.audio is not None
    player, exact = measure_file(clip.video), measure_file(clip.audio)
    assert (player.first_picture, player.first_sample) == (0, 0)
    assert exact.num_samples == clip.num_samples
    assert player.num_pictures == clip.num_frames
    skews = player.skews()
    # FLAC counts from the clip's start as well.
    skews += [min((b - f for b in exact.beeps), key=abs) for f in player.flashes]
    assert len(skews) >= 4
    return [skew - float(offset) for skew in skews if abs(skew) < 0.58]


CASES: dict[str, dict[str, Any]] = {
    "aac.mp4": {"fps": NTSC},
    "aac-late.mp4": {"fps": NTSC, "shift_container": True},
    "edit-list.mp4": {"fps": NTSC, "start": -41 / NTSC, "gop": 50},
    "opus-edit-list.mp4": {"start": Fraction(-41, 25), "gop": 50, "audio_codec": "libopus"},
    "movie-clock-of-1-ms.mov": {"shift_container": True, "mux": {"movie_timescale": "1000"}},
    "fragments.mp4": {"mux": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}},
    "no-edit-list.mp4": {"mux": {"use_editlist": "0"}},
    "pcm.mov": {"audio_codec": "pcm_s16le", "audio_rate": 44100, "fps": Fraction(24)},
    "opus.mkv": {"audio_codec": "libopus", "fps": Fraction(50)},
    "aac.mkv": {"fps": Fraction(60000, 1001), "start": Fraction(1001)},
    "vfr.mkv": {"fps": Fraction(60), "vfr": [1, 2, 1, 5], "audio_codec": "pcm_s16le"},
    "opus.webm": {"audio_codec": "libopus", "codec": "libvpx", "b_frames": 0},
    "aac.ts": {"fps": NTSC, "shift_container": True},
    "opus.ts": {"audio_codec": "libopus"},
    "wrap.ts": {"start": Fraction(round(WRAP - 5) * 25, 25)},
}  # fmt: skip


@pytest.mark.parametrize("offset", [Fraction(-1, 2), Fraction(37, 100)], ids=["early", "late"])
@pytest.mark.parametrize("name", CASES)
def test_a_clip_keeps_the_offset_of_its_source(tmp_path: Path, name: str, offset: Fraction) -> None:
    path = tmp_path / name
    make_beeps(path, offset=offset, **CASES[name])
    # What the file itself rounds: Matroska every picture and every packet, QuickTime's edits the start.
    bound = 0.0011 if path.suffix in (".mkv", ".webm") else 0.0007
    assert max(map(abs, errors(path, offset, 2, 9))) < bound


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
@pytest.mark.parametrize("source", [NTSC, 2 * NTSC], ids=["29.97", "59.94"])
def test_at_another_rate_nothing_is_seen_more_than_half_a_frame_early_or_late(
    tmp_path: Path, source: Fraction, fps: int
) -> None:
    path = tmp_path / "a.mp4"
    make_beeps(path, offset=Fraction(0), fps=source, seconds=30, flash_frames=3)
    found = errors(path, Fraction(0), 2, 28, Fraction(fps))
    assert max(map(abs, found)) <= 0.5 / fps + 1e-4
    assert abs(np.mean(found)) < 0.25 / fps  # neither early nor late as a rule


def test_a_late_clip_of_a_long_file_is_as_exact(tmp_path: Path) -> None:
    """Sound is decoded in chapters of 64 s; the clip lies across the end of one, and is sought."""
    path = tmp_path / "long.ts"
    make_beeps(path, offset=Fraction(1, 4), seconds=140, audio_codec="libopus")
    assert max(map(abs, errors(path, Fraction(1, 4), 124, 132))) < 1e-4


def test_sound_goes_on_with_the_pictures_where_recordings_were_joined(tmp_path: Path) -> None:
    first, second = tmp_path / "a.ts", tmp_path / "b.ts"
    for path, seconds in ((first, 12), (second, 9)):
        make_beeps(path, offset=Fraction(1, 4), fps=NTSC, seconds=seconds)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(second.read_bytes() + first.read_bytes() + second.read_bytes())
    found = probe(joined)
    assert "pts-jump" in found.info.notes
    sound = found.info.audio[0]
    assert len(sound.jumps) == 2
    assert sound.duration_seconds == pytest.approx(30, abs=0.1)
    assert load(dump(found)).info == found.info
    for begin, end in ((0, 9), (10, 20), (22, 30)):
        assert max(map(abs, errors(joined, Fraction(1, 4), begin, end))) < 1e-4


def test_the_start_timecode_is_a_fact_of_the_container(tmp_path: Path) -> None:
    path = tmp_path / "plain.mov"
    make_beeps(path, offset=Fraction(0), fps=NTSC, seconds=3)
    assert probe(path).info.timecode is None
    coded = tmp_path / "coded.mov"
    with av.open(str(path)) as source, av.open(str(coded), "w") as sink:
        video = source.streams.video[0]
        copy = sink.add_stream_from_template(video)
        copy.metadata["timecode"] = "01:00:10;05"
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.stream = copy
                sink.mux(packet)
    found = probe(coded)
    assert found.info.timecode == "01:00:10;05"
    assert load(dump(found)).info == found.info
