"""Samples: what makes each of them, by which key, and how it is encoded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from curator.engine.agreed import PlanKnown
from curator.engine.beside import Beside
from curator.engine.errand import Errand
from curator.engine.task import Camera, EncodeTask, SoundPlace
from curator.media.encode import ENCODE_VERSION, AudioTrack, VideoTrack
from curator.media.probe import Probe
from curator.model.clip import Row
from curator.model.crop import CropPath
from curator.model.outcome import CutSheet, Origin, Sample
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.video import VideoRef, VideoStream
from curator.plan.crop import crop_document, crop_path
from curator.plan.logical import FORMAT
from curator.plan.physical import Plan
from curator.spec.crops import look_of
from curator.spec.recipe import CameraSpec, Recipe, VideoSpec
from curator.spec.tracks import OWN_AUDIO, sidecar_of
from curator.store.store import Store

__all__ = [
    "Wanted",
    "camera_origins",
    "encode_errands",
    "made",
    "sample_document",
    "sample_wanted",
    "sound_place",
    "tracks",
]

ENCODE_SECONDS = Fraction(120)
"""Clip seconds in one encoding task: a killed build loses at most this much encoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A sample that must be encoded, if the store does not hold it."""

    span: Span
    how: tuple[VideoTrack | None, AudioTrack | None]
    sound: SoundPlace | None
    crop: CropPath | None
    cameras: Mapping[str, tuple[str, VideoTrack, Clock]]
    """Name to url, encoding and clock."""
    document: dict[str, Any]


def sample_wanted(plan: Plan, view: PlanKnown, probe: Probe, row: Row) -> Wanted:
    """What must be encoded for one kept clip."""
    video, audio = tracks(plan.recipe)
    role = plan.logical.sound
    sound = None
    if audio is not None and role is not None:
        beside = view.beside.get(role)
        audio = None if beside is None else audio
        sound = None if beside is None else sound_place(beside, sound_clock(row, beside))
    elif audio is not None and row.clocks.get(OWN_AUDIO, Clock()) != Clock():
        sound = SoundPlace(url=None, clock=row.clocks[OWN_AUDIO])
    return Wanted(
        span=row.span,
        how=(video, audio),
        sound=sound,
        crop=crop_path(plan.logical, row.span, probe, view),
        cameras={
            name: (beside.url, video_track(spec), camera_clock(row, beside))
            for name, spec in plan.recipe.sample.videos.items()
            if (beside := view.beside.get(plan.logical.cameras[name])) is not None
            and beside.url is not None
        },
        document=sample_document(plan, view, probe, row),
    )


def encode_errands(
    missing: Mapping[str, Wanted], path: Path, probe: bytes, scratch: Path
) -> Iterator[Errand]:
    """The errands that encode some samples, by key: as many in one decode as go together."""
    groups: dict[Any, list[tuple[Span, str]]] = {}
    for key, one in missing.items():
        cameras = tuple((name, url, track) for name, (url, track, _) in one.cameras.items())
        groups.setdefault((*one.how, cameras), []).append((one.span, key))
    for spans in groups.values():
        for batch in _batches(sorted(spans)):
            yield _encode_errand([(key, missing[key]) for _, key in batch], path, probe, scratch)


def _encode_errand(
    batch: Sequence[tuple[str, Wanted]], path: Path, probe: bytes, scratch: Path
) -> Errand:
    # A folder of its own: the same content may lie at two urls and be encoded twice at a time.
    folder = Path(tempfile.mkdtemp(prefix="encode-", dir=scratch))
    first = batch[0][1]
    return Errand(
        task=EncodeTask(
            path=path,
            probe=probe,
            spans=tuple(one.span for _, one in batch),
            video=first.how[0],
            audio=first.how[1],
            folder=folder,
            sounds=tuple(one.sound for _, one in batch),
            crops=tuple(one.crop for _, one in batch),
            cameras={
                name: Camera(
                    url=url,
                    video=track,
                    clocks=tuple(one.cameras[name][2] for _, one in batch),
                )
                for name, (url, track, _) in first.cameras.items()
            },
        ),
        about="encode",
        documents={key: one.document for key, one in batch},
        ops={key: "encode" for key, _ in batch},
        video_seconds=float(sum(one.span.seconds for _, one in batch)),
    )


def tracks(recipe: Recipe) -> tuple[VideoTrack | None, AudioTrack | None]:
    """How the samples of a recipe are encoded."""
    video, audio = recipe.sample.video, recipe.sample.audio
    return (
        None if video is None else video_track(video),
        None if audio is None else AudioTrack(sample_rate_hz=audio.sample_rate_hz, mono=audio.mono),
    )


def video_track(spec: VideoSpec) -> VideoTrack:
    """How pictures are encoded."""
    return VideoTrack(
        height=spec.height,
        fps=spec.fps,
        crf=spec.crf,
        preset=spec.preset,
        keyframe_seconds=None
        if spec.keyframe_seconds is None
        else Fraction(str(spec.keyframe_seconds)),
        look=look_of(spec),
    )


def sample_document(plan: Plan, view: PlanKnown, probe: Probe, row: Row) -> dict[str, Any]:
    """The document of a sample's key: the footage, the span, the crop, the encoding, and sound from elsewhere."""
    recipe = plan.recipe
    video, audio = tracks(recipe)
    document = {
        "format": FORMAT,
        "kind": "sample",
        "op": "encode",
        "version": ENCODE_VERSION,
        "params": {"video": video, "audio": audio},
        "span": [row.span.start, row.span.end],
        "inputs": {"video": view.fingerprint, "start": probe.info.start_seconds},
    }
    sound = _sound_document(recipe, view, row) if audio is not None else None
    if sound is not None:
        document["sound"] = sound
    crop = crop_path(plan.logical, row.span, probe, view)
    if crop is not None:
        document["crop"] = crop_document(crop)
    if recipe.sample.videos:
        document["cameras"] = {
            name: _camera_document(camera, view, row)
            for name, camera in recipe.sample.videos.items()
        }
    return document


def _camera_document(camera: CameraSpec, view: PlanKnown, row: Row) -> dict[str, Any] | None:
    found = sidecar_of(camera.of)
    beside = view.beside.get(found[0]) if found is not None else None
    if beside is None:
        return None
    return {
        "file": beside.fingerprint,
        "clock": camera_clock(row, beside),
        "params": video_track(camera),
    }


def camera_origins(plan: Plan, view: PlanKnown, row: Row) -> dict[str, Origin]:
    """What each further camera of a kept clip was cut from."""
    out = {}
    for name, role in plan.logical.cameras.items():
        beside = view.beside.get(role)
        if beside is not None and beside.url is not None:
            clock = camera_clock(row, beside)
            span = Span(clock.on_track(row.span.start), clock.on_track(row.span.end))
            out[name] = Origin(url=beside.url, fingerprint=beside.fingerprint, span=span)
    return out


def camera_clock(row: Row, beside: Beside) -> Clock:
    """By which clock a kept clip is seen by another camera: as aligned, or as declared."""
    return row.clocks.get(beside.role, beside.clock)


def sound_clock(row: Row, beside: Beside) -> Clock:
    """By which clock a kept clip hears a sidecar: as aligned, under either of its names, or as declared."""
    return row.clocks.get(OWN_AUDIO, row.clocks.get(beside.role, beside.clock))


def _sound_document(recipe: Recipe, view: PlanKnown, row: Row) -> dict[str, Any] | None:
    """What of its sound goes into a sample's key; None while it is the video's own at the same time."""
    of = recipe.sample.audio.of if recipe.sample.audio is not None else None
    found = sidecar_of(of) if of is not None else None
    if found is None:
        clock = row.clocks.get(OWN_AUDIO, Clock())
        return None if clock == Clock() else {"clock": clock}
    beside = view.beside.get(found[0])
    if beside is None:
        return {"file": None}
    return {**beside.document(), "clock": sound_clock(row, beside)}


def sound_place(beside: Beside, clock: Clock) -> SoundPlace:
    """Where the sound of a sidecar is found."""
    said = beside.spec.params
    return SoundPlace(
        url=beside.url, clock=clock, language=said.get("language"), stream=said.get("stream")
    )


def made(
    store: Store,
    ref: VideoRef,
    fingerprint: str,
    key: str,
    row: Row,
    split: str,
    held: Mapping[str, Any],
    tracks: Mapping[str, Path],
    stream: VideoStream,
    cut: CutSheet | None = None,
    origins: Mapping[str, Origin] | None = None,
) -> Sample:
    """The sample of one kept clip, from what the store holds of it; of a virtual one that is nothing."""

    def file(name: str) -> Path | None:
        return store.blob_path(held[name]) if held.get(name) else None

    return Sample(
        id=key[:16],
        key=key,
        url=ref.url,
        source=ref.source,
        fingerprint=fingerprint,
        span=row.span,
        split=split,
        rights=ref.rights,
        signals=row.signals,
        margin=row.margin,
        video=file("video"),
        audio=file("audio"),
        width_px=held.get("width_px"),
        height_px=held.get("height_px"),
        fps=held.get("fps"),
        num_frames=held.get("num_frames"),
        sample_rate_hz=held.get("sample_rate_hz"),
        channels=held.get("channels"),
        num_samples=held.get("num_samples"),
        origins=origins or {},
        videos={n: store.blob_path(blob) for n, blob in held.get("cameras", {}).items()},
        tracks=tracks,
        source_width_px=stream.display_width_px,
        source_height_px=stream.display_height_px,
        cut=cut,
    )


def _batches(spans: Sequence[tuple[Span, str]]) -> Iterator[list[tuple[Span, str]]]:
    """Groups of disjoint spans in time order, each of about `ENCODE_SECONDS`."""
    batch: list[tuple[Span, str]] = []
    seconds = Fraction(0)
    for span, key in spans:
        overlaps = batch and batch[-1][0].overlaps(span)  # plans of a sweep may cut differently
        if batch and (overlaps or seconds >= ENCODE_SECONDS):
            yield batch
            batch, seconds = [], Fraction(0)
        batch.append((span, key))
        seconds += span.seconds
    if batch:
        yield batch
