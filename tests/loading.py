"""A small release whose samples say in every track when they are: for tests of `curator.loader`.

Frame k of a sample is a flat picture of level ``LEVEL + STEP * k``; sample s of its sound has the
value ``s mod 30000`` in 16 bits; value i of the track ``state`` is its own time; words last 0.2 s each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from curator.media.mux import ClipWriter, VideoTrack, flac
from curator.model.outcome import Sample, TrackInfo
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.track import Cue, MotionTrack, NumberTrack, Skeleton, TextTrack
from curator.model.video import Rights
from curator.pack.layouts import layout_named
from curator.pack.schema import ShardSchema
from curator.pack.shards import write_shards
from curator.release.content import FORMAT
from curator.store.tracks import encode_track
from tests.release_content import video_info

LEVEL, STEP = 32, 2
RAMP = 30000
STATE_FPS, MOTION_FPS = 40, 30
CAMERA_FPS = Fraction(15)
JOINTS = ("hip", "head")
WORD_SECONDS = Fraction(1, 5)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What one sample is like."""

    frames: int = 50
    fps: Fraction = Fraction(25)
    width: int = 64
    height: int = 48
    rate: int = 16000
    channels: int = 1
    sound: bool = True
    tracks: bool = True
    camera: bool = True
    """Whether another camera saw it too: at `CAMERA_FPS`, from the same instant on."""
    irregular: bool = False
    """Every third frame is shown twice as long."""
    group: int = 250
    """Frames from keyframe to keyframe."""

    @property
    def times(self) -> list[Fraction]:
        """When frames are shown, and the end."""
        steps = [2 if self.irregular and k % 3 == 2 else 1 for k in range(self.frames)]
        return [Fraction(int(n)) / self.fps for n in np.cumsum([0, *steps])]

    @property
    def seconds(self) -> Fraction:
        return self.times[-1]

    @property
    def num_samples(self) -> int:
        return round(self.seconds * self.rate)


def release(
    folder: Path,
    shapes: Sequence[Shape],
    *,
    shard_mib: int = 1,
    split: str = "train",
    layout: str = "parquet",
) -> Path:
    """A release folder with a sample for each shape, ids in their order."""
    (folder / "blobs").mkdir(parents=True)
    tracks = {
        name: TrackInfo(name=name, of=f"sidecar.{name}", unit="", about="", op="sidecar", version=1, **more)  # type: ignore[arg-type]
        for name, more in {
            "state": {"shape": (2,), "kind": "numbers", "fields": ("time", "number"), "units": ("s", "1")},
            "motion": {"shape": (2, 3), "kind": "motion", "fields": JOINTS, "units": ("m",), "parents": (-1, 0), "up": "y"},
            "text": {"shape": (), "kind": "text"},
        }.items()
    }  # fmt: skip
    schema = ShardSchema(
        video=True,
        audio=True,
        numbers=["speech.share"],
        texts=["container.codec"],
        sidecars=tracks,
        cameras=["wrist"],
    )
    samples = [_sample(folder / "blobs", n, shape, split) for n, shape in enumerate(shapes)]
    out = folder / "release"
    out.mkdir()
    write_shards(out, samples, schema=schema, shard_mib=shard_mib, layout=layout_named(layout))
    manifest: dict[str, object] = {
        "format": FORMAT,
        "name": "test",
        "version": "0" * 12,
        "digest": "0" * 64,
    }
    manifest["layout"] = layout
    (out / "manifest.json").write_text(json.dumps(manifest))
    return out


def video(path: Path, shape: Shape) -> bytes:
    """The pictures of a sample, written as the build writes them."""
    facts = video_info(60).video
    facts = type(facts)(
        **{name: getattr(facts, name) for name in facts.__slots__}
        | {"width_px": shape.width, "height_px": shape.height, "fps_from_header": float(shape.fps)}
    )
    fps = None if shape.irregular else shape.fps
    track = VideoTrack(fps=fps, **_keyframes(shape))
    writer = ClipWriter(path, facts, track, sound=None)
    times = shape.times
    for number, picture in enumerate(_pictures(shape)):
        upright = writer.upright(picture)
        writer.add_picture(upright, times[number], times[number + 1] - times[number])
    return writer.close()


def sound(shape: Shape) -> bytes:
    """The sound of a sample: every value says which sample it is."""
    ramp = (np.arange(shape.num_samples) % RAMP).astype(np.float32) / 32768
    return flac(np.repeat(ramp[None], shape.channels, axis=0), shape.rate)


def _keyframes(shape: Shape) -> dict[str, Fraction]:
    return {} if shape.group == 250 else {"keyframe_seconds": shape.group / shape.fps}


def _pictures(shape: Shape) -> Iterator[VideoFrame]:
    for number in range(shape.frames):
        planes = np.full((shape.height * 3 // 2, shape.width), 128, np.uint8)
        planes[: shape.height] = LEVEL + STEP * number
        yield VideoFrame.from_ndarray(planes, "yuv420p")


def _sample(folder: Path, number: int, shape: Shape, split: str) -> Sample:
    name = f"{number:016x}"
    media = {"video": folder / f"{name}-v", "audio": folder / f"{name}-a"}
    media["video"].write_bytes(video(folder / f"{name}.mp4", shape))
    if shape.sound:
        media["audio"].write_bytes(sound(shape))
    return Sample(
        id=name,
        key=name,
        url=f"{number}.mp4",
        source="films",
        fingerprint=f"{number * 37 % 256:02x}" + f"{number:062x}",
        span=Span(Fraction(1), 1 + shape.seconds),
        split=split,
        rights=Rights(license="CC0-1.0"),
        signals={"speech.share": Signal(number / 100), "container.codec": Signal("h264")},
        margin=0.1,
        video=media["video"],
        videos=_cameras(folder, name, shape) if shape.camera else {},
        audio=media["audio"] if shape.sound else None,
        width_px=shape.width,
        height_px=shape.height,
        fps=float(shape.fps),
        num_frames=shape.frames,
        sample_rate_hz=shape.rate if shape.sound else None,
        channels=shape.channels if shape.sound else None,
        num_samples=shape.num_samples if shape.sound else None,
        tracks=_tracks(folder, name, shape) if shape.tracks else {},
    )


def _cameras(folder: Path, name: str, shape: Shape) -> dict[str, Path]:
    """Another camera: its frame k is at ``k / CAMERA_FPS``."""
    path = folder / f"{name}-wrist"
    other = Shape(
        frames=max(1, int(shape.seconds * CAMERA_FPS)), fps=CAMERA_FPS, width=32, height=32
    )
    path.write_bytes(video(folder / f"{name}-wrist.mp4", other))
    return {"wrist": path}


def _tracks(folder: Path, name: str, shape: Shape) -> dict[str, Path]:
    count = int(shape.seconds * STATE_FPS)
    seconds = np.arange(count) / STATE_FPS
    state = np.stack([seconds, np.arange(count)], axis=1)
    moved = np.arange(int(shape.seconds * MOTION_FPS))
    positions = np.broadcast_to((moved / MOTION_FPS)[:, None, None], (len(moved), 2, 3))
    words = [k * WORD_SECONDS for k in range(int(shape.seconds / WORD_SECONDS))]
    made = {
        "state": NumberTrack(
            series=Series(np.arange(count), Fraction(1, STATE_FPS), state.astype(np.float32)),
            fields=("time", "number"),
            units=("s", "1"),
        ),
        "motion": MotionTrack(
            ticks=moved,
            time_base=Fraction(1, MOTION_FPS),
            skeleton=Skeleton(joints=JOINTS, parents=(-1, 0)),
            positions=positions.astype(np.float32),
        ),
        "text": TextTrack(
            cues=tuple(Cue(span=Span(t, t + WORD_SECONDS), text=f"word {t}") for t in words)
        ),
    }
    paths = {}
    for track, held in made.items():
        paths[f"tracks.{track}"] = folder / f"{name}-{track}"
        paths[f"tracks.{track}"].write_bytes(encode_track(held))
    return paths
