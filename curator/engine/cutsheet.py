"""Cut sheets: all that it takes to cut a sample, written where it is decided and read where the footage is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from curator.engine.sample import Wanted, tracks, video_track
from curator.engine.task import SoundPlace
from curator.errors import StoreError
from curator.media.encode import ENCODE_VERSION, VideoTrack
from curator.model.crop import CropPath
from curator.model.outcome import CutSheet
from curator.model.span import Span
from curator.model.sync import Clock
from curator.plan.crop import crop_document
from curator.plan.logical import FORMAT
from curator.plan.physical import Plan
from curator.spec.crops import CROP
from curator.spec.recipe import Clips, Recipe
from curator.store.key import canonical, digest, plain
from curator.store.series import decode_series, encode_series

__all__ = ["Cutting", "cut_sheet", "is_virtual", "read_sheet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """A cut sheet, read. Files are called by their fingerprints."""

    video: str
    start: str
    """Where the video's clock begins in its file, as its key says."""
    wanted: Wanted

    @property
    def files(self) -> frozenset[str]:
        """Everything that must be there: the video, other cameras, sound from elsewhere."""
        sound = self.wanted.sound.url if self.wanted.sound is not None else None
        cameras = {url for url, _, _ in self.wanted.cameras.values()}
        return frozenset({self.video, *cameras, *([sound] if sound is not None else [])})


def is_virtual(plan: Plan) -> bool:
    """Whether samples are described and not encoded."""
    return plan.recipe.pack.clips is Clips.virtual


def cut_sheet(document: Mapping[str, Any], crop: CropPath | None) -> CutSheet:
    """Write down how a sample is cut; `document` is that of its key."""
    boxes = None if crop is None else encode_series({CROP: crop.boxes})
    return CutSheet(document=canonical(document), boxes=boxes)


def read_sheet(sheet: CutSheet, key: str, recipe: Recipe) -> Cutting:
    """What a sheet says, by the settings of its recipe.

    Raises:
        StoreError: ``cut-sheet`` when this version would cut another clip than the one that `key` names.
    """
    try:
        document = json.loads(sheet.document)
        cutting = _read(document, sheet.boxes, recipe)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _other(f"it cannot be read: {error}") from error
    if digest(document) != key:
        raise _other("it is not the sheet of this sample")
    if (document["format"], document["version"]) != (FORMAT, ENCODE_VERSION):
        raise _other(f"clips were cut by version {document['version']}, not {ENCODE_VERSION}")
    video, audio = tracks(recipe)
    if document["params"] != plain({"video": video, "audio": audio}):
        raise _other("it was written for another encoding")
    crop = None if cutting.wanted.crop is None else plain(crop_document(cutting.wanted.crop))
    if document.get("crop") != crop:
        raise _other("its crop is another one")
    return cutting


def _read(document: dict[str, Any], boxes: bytes | None, recipe: Recipe) -> Cutting:
    start, end = document["span"]
    own = document["inputs"]["video"]
    video, audio = tracks(recipe)
    sound = document.get("sound", {})
    if sound and sound.get("file", own) is None:
        audio = None
    wanted = Wanted(
        span=Span(Fraction(start), Fraction(end)),
        how=(video, audio),
        sound=_sound(sound, own) if sound and audio is not None else None,
        crop=None if boxes is None else CropPath(boxes=decode_series(boxes)[CROP]),
        cameras=dict(_cameras(document.get("cameras", {}), recipe)),
        document=document,
    )
    return Cutting(video=own, start=document["inputs"]["start"], wanted=wanted)


def _sound(document: Mapping[str, Any], own: str) -> SoundPlace:
    params = document.get("params", {})
    file = document.get("file", own)
    return SoundPlace(
        url=None if file == own else file,
        clock=_clock(document["clock"]),
        language=params.get("language"),
        stream=params.get("stream"),
    )


def _cameras(
    documents: Mapping[str, Mapping[str, Any] | None], recipe: Recipe
) -> list[tuple[str, tuple[str, VideoTrack, Clock]]]:
    return [
        (name, (one["file"], video_track(recipe.sample.videos[name]), _clock(one["clock"])))
        for name, one in documents.items()
        if one is not None
    ]


def _clock(document: Mapping[str, str]) -> Clock:
    return Clock(
        offset_seconds=Fraction(document["offset_seconds"]), rate=Fraction(document["rate"])
    )


def _other(why: str) -> StoreError:
    return StoreError(
        f"a cut sheet cannot be followed: {why}",
        reason="cut-sheet",
        hint="use the version of curator that the release's build.lock.json names",
    )
