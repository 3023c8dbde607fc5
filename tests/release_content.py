"""A release made by hand: real MP4, FLAC and JPEG files, invented verdicts. For tests of `curator.release`."""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from curator.model.clip import Decision, Row, Shot, Transition, Unit
from curator.model.outcome import Failure, FunnelStep, Outcome, Sample, SignalInfo
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.video import AudioStream, Rights, VideoInfo, VideoRef, VideoStream
from curator.release.content import ReleaseContent
from curator.spec.recipe import PackSpec, Recipe, SourceSpec

NUM_FRAMES, FPS, RATE = 12, 25, 16000
NASTY = 'films/it\'s "the" <script>alert(1)</script> & | `x` [a](b) ünï \udcff.mp4'

SIGNALS = {
    "speech.share": SignalInfo(
        name="speech.share",
        unit="ratio",
        about="Share of the clip in which somebody speaks.",
        op="speech",
        version=1,
        thresholds={"voice": (0.5, None)},
    ),
    "face.yaw_deg.mean": SignalInfo(
        name="face.yaw_deg.mean",
        unit="deg",
        about="Mean yaw of the face.",
        op="face",
        version=2,
        thresholds={"frontal": (-35.0, 35.0)},
    ),
    "luma.mean": SignalInfo(
        name="luma.mean", unit="luma", about="Mean brightness.", op="luma", version=1
    ),
    "container.codec": SignalInfo(
        name="container.codec", unit="name", about="Codec of the video.", op="container", version=1
    ),
}


@functools.cache
def mp4(seed: int, *, sound: bool = True, side: int = 64) -> bytes:
    """`NUM_FRAMES` frames of noise, with a tone."""
    file = io.BytesIO()
    random = np.random.default_rng(seed)
    with av.open(file, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "30", "threads": "1"})
        video.width = video.height = side
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono") if sound else None
        for index in range(NUM_FRAMES):
            pixels = random.integers(0, 255, (side, side, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            container.mux([*audio.encode(_tone("fltp")), *audio.encode(None)])
    return file.getvalue()


@functools.cache
def flac() -> bytes:
    """Half a second of a tone, mono."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        audio = container.add_stream("flac", rate=RATE, layout="mono")
        container.mux([*audio.encode(_tone("s16")), *audio.encode(None)])
    return file.getvalue()


def _tone(kind: str) -> av.AudioFrame:
    wave = 0.4 * np.sin(np.arange(RATE // 2) * 2 * np.pi * 440 / RATE)
    values = wave.astype(np.float32) if kind == "fltp" else (wave * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(values[None], format=kind, layout="mono")
    frame.sample_rate = RATE
    return frame


def posters(fingerprint: str, span: Span) -> list[bytes]:
    """Three flat pictures whose colour depends on the clip."""
    hue = int(fingerprint[:2], 16) + int(span.start) * 7
    pictures = []
    for index in range(3):
        picture = np.full((90, 160, 3), (hue % 180, 140, 120 + index * 40), dtype=np.uint8)
        picture = cv2.cvtColor(picture, cv2.COLOR_HSV2BGR)
        cv2.circle(picture, (40 + 40 * index, 45), 20, (240, 240, 240), -1)
        pictures.append(cv2.imencode(".jpg", picture)[1].tobytes())
    return pictures


def video_info(seconds: int) -> VideoInfo:
    stream = VideoStream(
        index=0,
        codec="h264",
        width_px=640,
        height_px=360,
        sample_aspect=Fraction(1),
        rotation_degrees=0,
        pixel_format="yuv420p",
        bit_depth=8,
        interlaced=False,
        time_base=Fraction(1, 12800),
        fps_from_header=25.0,
        color_primaries=None,
        color_transfer=None,
        color_space=None,
        color_range=None,
        num_frames_from_header=None,
        duration_seconds_from_header=float(seconds),
    )
    sound = AudioStream(
        index=1,
        codec="aac",
        sample_rate_hz=48000,
        channels=2,
        language=None,
        start_seconds=Fraction(0),
        duration_seconds=float(seconds),
    )
    return VideoInfo(
        container="mp4",
        size_bytes=1000,
        video=stream,
        audio=(sound,),
        num_frames_from_packets=25 * seconds,
        duration_seconds=Fraction(seconds),
        fps=25.0,
        is_variable_rate=False,
        video_bytes=900,
        max_keyframe_gap_seconds=2.0,
        start_seconds=Fraction(0),
    )


def span(start: int, end: int) -> Span:
    return Span(Fraction(start), Fraction(end))


def signals(share: float | None, yaw: float, luma: float) -> dict[str, Signal]:
    spoken = Signal(None, absent="no-audio") if share is None else Signal(share)
    return {
        "speech.share": spoken,
        "face.yaw_deg.mean": Signal(yaw),
        "luma.mean": Signal(luma),
        "container.codec": Signal("h264"),
    }


def outcome(index: int, *, url: str | None = None, split: str = "train") -> Outcome:
    """One minute: a kept clip, one that misses, one that fails, and the rest."""
    fingerprint = f"{(index * 37) % 256:02x}" + f"{index:062x}"
    rights = Rights(license="CC-BY-4.0", attribution="A | B <b>Films</b>")
    yaw = 10.0 + index
    rows = (
        _row(0, 12, Decision.kept, "ok", margin=0.2, signals=signals(0.7, yaw, 90)),
        _row(
            12,
            30,
            Decision.dropped,
            "voice:low",
            margin=-0.01 * (index + 1),
            threshold="keep.voice",
            signals=signals(0.5 - 0.01 * (index + 1), yaw, 120),
        ),
        _row(30, 36, Decision.dropped, "too-short", unit=Unit.rest),
        _row(
            36,
            50,
            Decision.dropped,
            "frontal:high",
            margin=-20.0,
            threshold="keep.frontal",
            signals=signals(None, 55.0, 60),
        ),
        _row(50, 60, Decision.unscored, "timeout", signals={}),
    )
    shots = (
        Shot(
            span=span(0, 30),
            clean=span(0, 30),
            start_frame=0,
            end_frame=750,
            transition=Transition.start,
        ),
        Shot(
            span=span(30, 60),
            clean=None,
            start_frame=750,
            end_frame=1500,
            transition=Transition.dissolve,
        ),
    )
    return Outcome(
        ref=VideoRef(url=url or f"films/film {index}.mp4", source="films", rights=rights),
        fingerprint=fingerprint,
        info=video_info(60),
        shots=shots,
        shot_signals=({"luma.mean": Signal(100.0)}, {}),
        rows=rows,
        failures=(Failure(stage="measure", reason="timeout", message="took <too> long", op="face"),)
        if index == 0
        else (),
        split=split,
    )


def _row(
    start: int,
    end: int,
    decision: Decision,
    reason: str,
    *,
    unit: Unit = Unit.clip,
    margin: float | None = None,
    threshold: str | None = None,
    signals: dict[str, Signal] | None = None,
) -> Row:
    return Row(
        span=span(start, end),
        unit=unit,
        decision=decision,
        reason=reason,
        margin=margin,
        threshold=threshold,
        stage=1,
        signals=signals or {},
    )


def samples_of(folder: Path, outcomes: Sequence[Outcome], *, sound: bool = True) -> list[Sample]:
    """A sample for each kept row, its media as files without a suffix, as a store has them."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, one in enumerate(outcomes):
        for row in one.rows:
            if row.decision is not Decision.kept or one.fingerprint is None:
                continue
            name = f"{number:04d}{int(row.span.start):04d}"
            video, audio = folder / f"{name}-v", folder / f"{name}-a"
            video.write_bytes(mp4(number % 4, sound=sound))
            audio.write_bytes(flac())
            made.append(
                Sample(
                    id=name,
                    key=f"key-{name}",
                    url=one.ref.url,
                    source=one.ref.source,
                    fingerprint=one.fingerprint,
                    span=row.span,
                    split=one.split,
                    rights=one.ref.rights,
                    signals=row.signals,
                    margin=row.margin,
                    video=video,
                    audio=audio if sound else None,
                    width_px=64,
                    height_px=64,
                    fps=float(FPS),
                    num_frames=NUM_FRAMES,
                    sample_rate_hz=RATE if sound else None,
                    channels=1 if sound else None,
                    num_samples=RATE // 2 if sound else None,
                )
            )
    return made


def content(folder: Path, outcomes: Sequence[Outcome] | None = None) -> ReleaseContent:
    """A whole release; by default three videos, one with a nasty name, one in `test`."""
    if outcomes is None:
        outcomes = [outcome(0, url=NASTY), outcome(1), outcome(2, split="test")]
    recipe = Recipe(
        name="avatar",
        target="avatar",
        description="Talking heads: one face, in focus, voice audible.",
        sources={"films": SourceSpec(url="films/*.mp4", license="CC-BY-4.0")},
        splits={"test": 0.3},
        pack=PackSpec(shard_mib=1),
    )
    return ReleaseContent(
        recipe=recipe,
        document={"name": "avatar", "target": "avatar", "keep": {"voice": {"min": 0.5}}},
        outcomes=list(outcomes),
        samples=samples_of(folder, outcomes),
        signals=SIGNALS,
        funnel=funnel(outcomes),
        lock={
            "versions": {"curator-build": "0.1.0", "ops": {"face": 2, "speech": 1}},
            "weights": {"yuface": {"sha256": "ab" * 32, "license": "MIT"}},
        },
        posters=posters,
    )


def funnel(outcomes: Sequence[Outcome]) -> list[FunnelStep]:
    n = len(outcomes)
    steps = [
        ("videos", "what the sources name", 60, 60, None, None, None, None),
        ("size", "height_px >= 256", 60, 60, None, None, None, None),
        ("where.frontal", "|face.yaw_deg| <= 35", 60, 54, None, 3, 4, 1),
        ("keep.voice", "speech.share >= 0.5 <b>", 54, 26, 3, 2, 18, 1),
        ("keep.frontal", "face.yaw_deg.mean <= 35", 26, 12, 2, 1, 0, 0),
    ]
    return [
        FunnelStep(
            name=name,
            about=about,
            seconds_in=float(before * n),
            seconds_out=float(after * n),
            clips_in=None if clips_in is None else clips_in * n,
            clips_out=None if clips_out is None else clips_out * n,
            unique_seconds=None if unique is None else float(unique * n),
            unique_clips=None if unique_clips is None else unique_clips * n,
        )
        for name, about, before, after, clips_in, clips_out, unique, unique_clips in steps
    ]


def shuffled(made: ReleaseContent) -> ReleaseContent:
    """The same content in another order."""
    return dataclasses.replace(
        made,
        outcomes=list(reversed(made.outcomes)),
        samples=list(reversed(made.samples)),
        signals=dict(reversed(made.signals.items())),
        lock=dict(reversed(made.lock.items())),
    )
