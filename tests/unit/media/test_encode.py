from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from curator.errors import MediaError
from curator.media.encode import AudioTrack, EncodedClip, VideoTrack, cut
from curator.media.probe import Probe, probe
from curator.media.stats import DecodeStats
from curator.model.span import Span
from curator.testing.footage import make_video, pan, read_number, still, tone


def clips_of(path: Path, spans: list[Span], **tracks: Any) -> list[EncodedClip]:
    wanted = {"video": VideoTrack(), "audio": AudioTrack(), **tracks}
    return list(cut(path, probe(path), spans, stats=DecodeStats(), **wanted))


def pictures(clip: EncodedClip) -> tuple[list[int | None], list[Fraction], Any]:
    """Frame numbers, times, and the stream's facts."""
    assert clip.video is not None
    with av.open(io.BytesIO(clip.video)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        numbers = [read_number(f.to_ndarray(format="gray")) for f in frames]
        times = [f.pts * f.time_base for f in frames]
        facts = {
            "duration": stream.duration * stream.time_base,
            "size": (stream.width, stream.height),
            "key": frames[0].key_frame,
            "space": stream.colorspace,
            "range": stream.color_range,
            "types": [s.type for s in container.streams],
        }
    return numbers, times, facts


def samples_of(clip: EncodedClip) -> np.ndarray:
    assert clip.audio is not None
    with av.open(io.BytesIO(clip.audio)) as container:
        blocks = [f.to_ndarray().reshape(-1, clip.channels or 1) for f in container.decode(audio=0)]
    return np.concatenate(blocks).T.astype(np.float32) / 32768


def inside(found: Probe, span: Span) -> list[int]:
    return [i for i in range(len(found.table)) if found.table.time(i) in span]


SPANS = [
    Span(Fraction(1, 3), Fraction(2)),
    Span(Fraction(2), Fraction(151, 60)),
    Span(Fraction(7), Fraction(17, 2)),
]


@pytest.mark.parametrize("name", ["film", "uneven"])
def test_a_clip_has_exactly_the_frames_of_its_span_at_their_times(
    name: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(name)
    found = probe(path)
    for clip, span in zip(clips_of(path, SPANS), SPANS, strict=True):
        numbers, times, facts = pictures(clip)
        expected = inside(found, span)
        assert numbers == expected
        assert clip.num_frames == len(expected)
        truth = [found.table.time(i) - span.start for i in expected]
        assert [float(t) for t in times] == pytest.approx([float(t) for t in truth], abs=1e-4)
        # With B-frames and variable rate MP4 has no exact place for how long the last frame lasts.
        tolerance = 1e-3 if name == "film" else 5 / 30
        length = float(span.seconds - truth[0])
        assert float(facts["duration"]) == pytest.approx(length, abs=tolerance)
        assert facts["key"]
        assert facts["types"] == ["video", "audio"]


def test_a_constant_rate_shows_each_frame_at_the_instant_nearest_to_it(uneven: Path) -> None:
    found, span = probe(uneven), SPANS[0]
    (clip,) = clips_of(uneven, [span], video=VideoTrack(fps=Fraction(24)))
    numbers, times, _ = pictures(clip)
    assert times == [Fraction(k, 24) for k in range(40)]
    assert (clip.num_frames, clip.fps) == (40, 24.0)
    first = inside(found, span)[0]
    half = Fraction(1, 48)
    shown = {i: found.table.time(i) - span.start for i in inside(found, span)}
    latest = [max((i for i in shown if shown[i] < t + half), default=first) for t in times]
    truth = [first, *latest[1:]]
    assert numbers == truth


def test_times_rounded_to_a_millisecond_drop_and_repeat_no_frame(tmp_path: Path) -> None:
    """29.97 fps in Matroska: a frame written a third of a millisecond late must not miss its instant."""
    rate = Fraction(30000, 1001)
    make_video(tmp_path / "a.mkv", [pan(3)], fps=rate, size=(160, 96))
    found = probe(tmp_path / "a.mkv")
    span = Span(found.table.time(7), found.table.time(80))
    (clip,) = clips_of(tmp_path / "a.mkv", [span], video=VideoTrack(fps=rate), audio=None)
    assert pictures(clip)[0][:73] == list(range(7, 80))


def test_bytes_do_not_depend_on_what_else_is_cut_or_on_threads(film: Path) -> None:
    together = clips_of(film, SPANS)
    for span, clip in zip(SPANS, together, strict=True):
        for threads in (1, 2):
            (alone,) = clips_of(film, [span], threads=threads)
            assert alone.video == clip.video
            assert alone.audio == clip.audio


def test_a_width_that_upsets_x264_is_still_deterministic(tmp_path: Path) -> None:
    """208 is no multiple of 64: x264's AVX-512 code reads memory it never wrote (see mux.py)."""
    make_video(tmp_path / "a.mp4", [pan(1)], size=(208, 112))
    span = [Span(Fraction(0), Fraction(1))]
    found = {clips_of(tmp_path / "a.mp4", span, audio=None)[0].video for _ in range(8)}
    assert len(found) == 1


def test_sound_has_exactly_the_samples_of_the_span(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    make_video(path, [still(5)], fps=Fraction(10), audio=[tone(4, 440)], audio_codec="flac")
    span = Span(Fraction(10, 7), Fraction(20, 7))
    for rate in (None, 16000):
        (clip,) = clips_of(path, [span], video=None, audio=AudioTrack(sample_rate_hz=rate))
        hertz = rate or 48000
        first, last = -(-10 * hertz // 7), -(-20 * hertz // 7)
        samples = samples_of(clip)
        assert clip.video is None
        assert samples.shape == (1, last - first) == (clip.channels, clip.num_samples)
        truth = 0.5 * np.sin(2 * np.pi * 440 * np.arange(first, last) / hertz)
        assert np.abs(samples[0] - truth).max() < 1e-3


def test_sound_and_pictures_of_a_clip_stay_together(film: Path) -> None:
    """The film's pause is at 2.5 to 3.5 s: in a clip from 2 s on it is at 0.5 to 1.5 s, in both tracks."""
    (clip,) = clips_of(film, [Span(Fraction(2), Fraction(5))], audio=AudioTrack())
    assert clip.video is not None
    with av.open(io.BytesIO(clip.video)) as container:
        frames = list(container.decode(audio=0))
        start = float(frames[0].pts * frames[0].time_base)
        muxed = np.concatenate([f.to_ndarray()[0] for f in frames])
    for samples, begin in [(samples_of(clip)[0], 0.0), (muxed, start)]:
        loud = np.convolve(np.abs(samples), np.ones(240) / 240, "same") > 0.05
        edges = np.flatnonzero(np.diff(loud.astype(int))) / 48000 + begin
        quiet = [e for e in edges if 0.4 < e < 1.6]
        assert (quiet[0], quiet[-1]) == pytest.approx((0.5, 1.5), abs=0.02)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_clip_is_upright_with_square_pixels_and_even_sides(tmp_path: Path, turn: int) -> None:
    path = tmp_path / "a.mp4"
    make_video(path, [still(0.5)], rotation=turn, sample_aspect=Fraction(4, 3), size=(300, 180))
    whole = [Span(Fraction(0), probe(path).info.duration_seconds)]
    (native,) = clips_of(path, whole, audio=None)
    assert (native.width_px, native.height_px) == ((400, 180) if turn % 180 == 0 else (180, 400))
    (small,) = clips_of(path, whole, audio=None, video=VideoTrack(height=90))
    assert (small.width_px, small.height_px) == ((200, 90) if turn % 180 == 0 else (40, 90))
    (large,) = clips_of(path, whole, audio=None, video=VideoTrack(height=4000))
    assert (large.width_px, large.height_px) == (native.width_px, native.height_px)
    assert native.video is not None
    with av.open(io.BytesIO(native.video)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="gray")
    assert read_number(np.rot90(picture, turn // 90)) == 0


def test_the_matrix_is_named_so_that_a_smaller_copy_keeps_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    make_video(path, [still(0.2)], size=(1280, 720))
    whole = [Span(Fraction(0), probe(path).info.duration_seconds)]
    (clip,) = clips_of(path, whole, audio=None, video=VideoTrack(height=180))
    facts = pictures(clip)[2]
    assert (facts["space"], facts["range"]) == (1, 1)  # BT.709, limited


def test_hdr_is_refused_rather_than_made_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    options = {"x265-params": "log-level=none:transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc"}  # fmt: skip
    make_video(
        path,
        [still(0.2)],
        codec="libx265",
        pixel_format="yuv420p10le",
        options=options,
        size=(64, 64),
    )
    span = [Span(Fraction(0), Fraction(1, 10))]
    with pytest.raises(MediaError) as caught:
        clips_of(path, span)
    assert caught.value.reason == "hdr-not-supported"
    assert clips_of(path, span, video=None)[0].num_frames == 0


def test_spans_must_be_in_order_and_inside(film: Path) -> None:
    for spans in (
        [Span(Fraction(1), Fraction(3)), Span(Fraction(2), Fraction(4))],
        [Span(Fraction(1), Fraction(300))],
        [Span(Fraction(-1), Fraction(1))],
    ):
        with pytest.raises(ValueError, match="spans must"):
            clips_of(film, spans)


def test_a_clip_file_tells_nothing_of_when_and_how_it_was_made(film: Path) -> None:
    (clip,) = clips_of(film, [SPANS[0]])
    assert clip.video is not None
    assert clip.audio is not None
    assert b"Lavf" not in clip.video
    assert b"Lavf" not in clip.audio
    moov, mdat = clip.video.index(b"moov"), clip.video.index(b"mdat")
    assert moov < mdat
    created = clip.video.index(b"mvhd") + 8
    assert clip.video[created : created + 8] == bytes(8)
