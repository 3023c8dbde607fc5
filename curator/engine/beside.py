"""What lies beside a video: the sidecars and streams that a plan uses, how they are read, by which clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from curator.abc.reader import TrackReader
from curator.align.dataset import LEROBOT
from curator.errors import SourceError
from curator.model.sync import Clock
from curator.model.video import VideoRef
from curator.plan.logical import FORMAT
from curator.plan.physical import Plan
from curator.registry import load_reader, readers
from curator.source.address import split, suffix
from curator.spec.operand import key_settings
from curator.spec.operators import instance
from curator.spec.recipe import ReadSpec
from curator.spec.tracks import SOUND

__all__ = ["Beside", "besides", "read_document", "reader_of", "sidecar_urls"]

_DATASET_LEVELS = 4
"""``videos/CAMERA/chunk-000/file-000.mp4``: what of a video's address tells which episodes it shows."""
_AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".oga", ".mka"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One sidecar, or one more stream of the container, of one video."""

    role: str
    url: str | None
    """None: the video's own container."""
    fingerprint: str
    """Of the content of the file that is read."""
    spec: ReadSpec
    video: str
    """Address of the video."""

    @property
    def clock(self) -> Clock:
        """As the recipe declares it."""
        said = self.spec.clock
        return Clock(
            offset_seconds=Fraction(str(said.offset_seconds)), rate=Fraction(str(said.rate))
        )

    @property
    def is_sound(self) -> bool:
        """Whether it is listened to rather than read."""
        if self.spec.op is not None:
            return self.spec.op == SOUND
        return self.url is not None and suffix(self.url) in _AUDIO_SUFFIXES

    @property
    def name(self) -> str:
        """The file's own name, for messages."""
        return "the video" if self.url is None else split(self.url)[1]

    def document(self) -> dict[str, Any]:
        """What identifies the track before any clock: for keys."""
        what = (
            {"op": SOUND, "params": dict(self.spec.params)}
            if self.is_sound
            else _reader_document(reader_of(self))
        )
        return {"file": self.fingerprint, **what, **_addressed(self)}


def sidecar_urls(plan: Plan, ref: VideoRef) -> frozenset[str]:
    """The files beside a video that a plan reads."""
    return frozenset(ref.sidecars[role] for role in plan.logical.roles if role in ref.sidecars)


def besides(
    plan: Plan, ref: VideoRef, fingerprint: str, fingerprint_of: Callable[[str], str | None]
) -> dict[str, Beside]:
    """Role to what this video has of it; roles that it does not have are left out."""
    declared = plan.recipe.sources[ref.source].read if ref.source in plan.recipe.sources else {}
    out = {}
    for role in sorted(plan.logical.roles):
        spec, url = declared.get(role, ReadSpec(op=ref.readers.get(role))), ref.sidecars.get(role)
        if role == plan.logical.sound and url is not None and spec.op is None:
            spec = replace(spec, op=SOUND)  # whatever its suffix: a camera's file has sound as well
        own = fingerprint if url is None else fingerprint_of(url)
        if own is not None and (url is not None or spec.op is not None):
            out[role] = Beside(role=role, url=url, fingerprint=own, spec=spec, video=ref.url)
    return out


def reader_of(beside: Beside) -> TrackReader:
    """The reader with its settings: the one that is named, or the one for the file's suffix.

    Raises:
        SourceError: ``sidecar-unknown`` for a suffix that no reader knows.
    """
    op = beside.spec.op or _by_suffix(beside)
    return instance(load_reader(op), beside.spec.params)


def read_document(beside: Beside) -> dict[str, Any]:
    """The document of the key under which a sidecar's tracks are kept."""
    reader = reader_of(beside)
    return {
        "format": FORMAT,
        "kind": "read",
        **_reader_document(reader),
        "inputs": {"file": beside.fingerprint, **_addressed(beside)},
    }


def _addressed(beside: Beside) -> dict[str, str]:
    """The place of the video inside its dataset, where the reader tells tracks of many videos apart by it."""
    return (
        {"video": "/".join(beside.video.split("/")[-_DATASET_LEVELS:])}
        if is_dataset(beside)
        else {}
    )


def is_dataset(beside: Beside) -> bool:
    """Whether the sidecar is a part of a dataset, whose reader looks at more than that one file."""
    return beside.spec.op == LEROBOT


def _reader_document(reader: TrackReader) -> dict[str, Any]:
    return {"op": reader.name, "version": reader.version, "params": key_settings(reader)}


def _by_suffix(beside: Beside) -> str:
    ending = suffix(beside.url or "")
    for name in readers():
        if ending in load_reader(name).suffixes:
            return name
    raise SourceError(
        f"nothing reads {beside.name}: no reader is for '{ending}'",
        reason="sidecar-unknown",
        hint=f"name one: sources.NAME.read.{beside.role}.op (known: {', '.join(readers())})",
    )
