"""AVI, which knows no presentation times: pictures in their order, at their instants, with their sound."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from curator.media.decode import DecodeStats
from curator.media.encode import AudioTrack, VideoTrack, cut
from curator.media.probe import Clock, probe
from curator.model.span import Span
from curator.testing.beeps import find_beeps, make_beeps, measure_file
from curator.testing.footage import make_video, pan, read_number

_FPS = 25
_DIVX = b"\0\0\1\xb2DivX503b1393p"
_EMPTY = b"\0\0\1\xb6\x51\x00\x7f"
"""A picture that is not coded: a placeholder, or a dropped frame."""


def kind(picture: bytes) -> str:
    at = picture.find(b"\0\0\1\xb6")
    return "IPBS"[picture[at + 4] >> 6]


def packed(pictures: Sequence[bytes]) -> list[bytes]:
    """P and the B after it in one packet, an empty picture in its place, as DivX 5 and Xvid write them."""
    out: list[bytes] = []
    for data in pictures:
        if kind(data) == "B":
            out[-1] += data
            out.append(_EMPTY)
        else:
            out.append(data)
    at = min(i for code in (b"\xb3", b"\xb6") if (i := out[0].find(b"\0\0\1" + code)) >= 0)
    out[0] = out[0][:at] + _DIVX + out[0][at:]
    return out


def repack(source: Path, target: Path, *, drop_after: Sequence[int] = ()) -> None:
    """`source` with packed pictures; after those packets, one frame each in which nothing is coded."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        video = read.streams.video[0]
        streams = {one.index: write.add_stream_from_template(one) for one in read.streams}
        packets = [packet for packet in read.demux() if packet.size]
        chunks = packed([bytes(p) for p in packets if p.stream_index == video.index])
        for number in sorted(drop_after, reverse=True):
            chunks.insert(number, _EMPTY)
        timed = []
        for number, data in enumerate(chunks):
            packet = av.Packet(data)
            packet.stream, packet.time_base = streams[video.index], Fraction(1, _FPS)
            packet.pts = packet.dts = number
            packet.is_keyframe = kind(data) == "I"
            timed.append((Fraction(number, _FPS), packet))
        for packet in packets:
            if packet.stream_index != video.index:
                instant = packet.dts * packet.time_base
                packet.stream = streams[packet.stream_index]
                timed.append((instant, packet))
        for _, packet in sorted(timed, key=lambda one: one[0]):
            write.mux(packet)


def clip(path: Path, span: Span | None = None, *, sound: bool = True) -> tuple[bytes, bytes | None]:
    found = probe(path)
    whole = Span(Fraction(0), found.info.duration_seconds)
    (made,) = cut(
        path,
        found,
        [span or whole],
        video=VideoTrack(height=96, crf=10),
        audio=AudioTrack(mono=True) if sound else None,
        stats=DecodeStats(),
    )
    assert made.video is not None
    return made.video, made.audio


def numbers(data: bytes) -> list[int | None]:
    with av.open(io.BytesIO(data)) as container:
        return [read_number(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def skews(path: Path) -> list[float]:
    """Beep less flash in a clip of the whole film, seconds."""
    video, audio = clip(path)
    assert audio is not None
    with av.open(io.BytesIO(audio)) as container:
        parts = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    beeps = find_beeps(np.concatenate(parts).astype(np.float32) / 32768, rate)
    flashes = measure_file(video).flashes
    assert len(flashes) >= 3
    return [min((beep - flash for beep in beeps), key=abs) for flash in flashes]


@pytest.mark.parametrize("audio", ["pcm_s16le", "libmp3lame"])
@pytest.mark.parametrize("b_frames", [0, 1, 2])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_reordered_pictures_go_with_their_sound(
    tmp_path: Path, codec: str, b_frames: int, audio: str
) -> None:
    path = tmp_path / "a.avi"
    make_beeps(
        path, offset=Fraction(0), seconds=8, codec=codec, b_frames=b_frames, audio_codec=audio
    )
    allowed = (
        0.001 if audio == "pcm_s16le" else 1152 / 48000
    )  # AVI does not tell an encoder's delay
    assert max(map(abs, skews(path))) < allowed


def test_packed_pictures_go_with_their_sound(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain.avi", tmp_path / "a.avi"
    make_beeps(
        plain, offset=Fraction(0), seconds=8, codec="mpeg4", b_frames=1, audio_codec="pcm_s16le"
    )
    repack(plain, path)
    found = probe(path)
    assert found.clock is Clock.output
    assert "packed-pictures" in found.info.notes
    assert max(map(abs, skews(path))) < 0.001


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_packed_pictures_are_in_order(tmp_path: Path, suffix: str) -> None:
    """FFmpeg gives them the times of the packets that they came in: 1, 3, 2, 5, 4 ..."""
    plain, path = tmp_path / "plain.avi", tmp_path / f"a.{suffix}"
    make_video(plain, [pan(4)], fps=Fraction(_FPS), gop=20, codec="mpeg4", b_frames=1)
    repack(plain, path)
    assert numbers(clip(path, sound=False)[0]) == list(range(100))
    part = Span(Fraction(31, _FPS), Fraction(58, _FPS))
    assert numbers(clip(path, part, sound=False)[0]) == list(range(31, 58))


def test_a_dropped_frame_among_packed_pictures_moves_nothing(tmp_path: Path) -> None:
    """The packet says that the picture before it stays: those after it are shown where their packets are."""
    plain, path = tmp_path / "plain.avi", tmp_path / "a.avi"
    make_video(plain, [pan(4)], fps=Fraction(_FPS), gop=20, codec="mpeg4", b_frames=1)
    repack(plain, path, drop_after=[41])
    found = probe(path)
    times = [found.table.time(k) * _FPS for k in range(len(found.table))]
    assert times == [*range(41), *range(42, 101)]
    assert numbers(clip(path, sound=False)[0]) == list(range(100))


def test_times_of_other_mpeg4_are_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    make_video(path, [pan(4)], fps=Fraction(_FPS), gop=20, codec="mpeg4", b_frames=2)
    found = probe(path)
    assert found.clock is Clock.pts
    assert "packed-pictures" not in found.info.notes
    assert numbers(clip(path, sound=False)[0]) == list(range(100))
