"""Sidecars for the tests of readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.abc.reader import Sidecar, TrackReader
from curator.errors import SourceError
from curator.model.track import Cue, TextTrack

__all__ = ["existing", "refused", "said", "sidecar", "text_of"]


def sidecar(folder: Path, name: str, content: str | bytes, **known: object) -> Sidecar:
    """A file of that content."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return existing(path, **known)


def existing(path: Path, **known: object) -> Sidecar:
    """A file that is there already."""
    return Sidecar(path=path, name=path.name, **known)  # type: ignore[arg-type]


def text_of(reader: TrackReader, file: Sidecar) -> TextTrack:
    """The one text track of a file."""
    (track,) = reader.read(file).values()
    assert isinstance(track, TextTrack)
    return track


def said(cues: tuple[Cue, ...]) -> list[tuple[float, float, str]]:
    """Times and text, rounded to milliseconds."""
    return [
        (round(float(cue.span.start), 3), round(float(cue.span.end), 3), cue.text) for cue in cues
    ]


def refused(reader: TrackReader, file: Sidecar, at: str = "") -> str:
    """What is said of a file that must not be read; it names the file and the place."""
    with pytest.raises(SourceError) as caught:
        reader.read(file)
    assert caught.value.reason == "sidecar-invalid"
    place = f"{file.name}, {at}:" if at else f"{file.name}"
    assert caught.value.message.startswith(place), caught.value.message
    return caught.value.message
