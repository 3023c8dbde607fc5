"""Samples against the footage that they were cut from: the same picture at t = 0, the same frames, the same sound."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from curator.engine.sample import tracks, video_track
from curator.errors import CuratorError, MediaError
from curator.media.encode import AudioTrack, cut
from curator.media.probe import Probe, probe
from curator.media.readback import WrittenSound, compare_sound, read_clip
from curator.media.stats import DecodeStats
from curator.model.span import Span
from curator.model.video import Rights, VideoRef
from curator.release.verify.clips import Decoded
from curator.release.verify.faults import Fault
from curator.release.verify.pictures import Footage, check_pictures
from curator.release.verify.rows import Row
from curator.source.address import is_local, local_path
from curator.source.fingerprint import fingerprint
from curator.spec.crops import CROP, is_boxed
from curator.spec.recipe import Recipe

__all__ = ["Sources"]

_SOUND_SECONDS = 0.001
_SAME_SOUND = 0.5
_PROBES = 16


@dataclass(frozen=True, slots=True)
class _Opened:
    path: Path
    probe: Probe


@dataclass(frozen=True, slots=True)
class _Wrong:
    reason: str
    what: str


_Found: TypeAlias = _Opened | _Wrong | str
"""A source, what is wrong with it, or why it cannot be compared."""


@dataclass(slots=True)
class Sources:
    """Finds and reads sources; those that cannot be compared are counted by reason in `skipped`."""

    recipe: Recipe
    compared: int = 0
    """Samples."""
    cameras_compared: int = 0
    """Clips of further cameras."""
    skipped: Counter[str] = field(default_factory=Counter)
    _known: OrderedDict[tuple[str, str], _Found] = field(default_factory=OrderedDict)
    """By url and fingerprint."""

    def check(self, row: Row, decoded: Decoded) -> Iterator[Fault]:
        """Faults of one sample; each source is fingerprinted once."""
        found = self._find(str(row.values["url"]), str(row.values["fingerprint"]))
        if isinstance(found, str):
            self.skipped[found] += 1
        elif isinstance(found, _Wrong):
            yield row.fault(found.reason, "source", found.what)
            self.skipped["the source has changed"] += 1
        else:
            try:
                yield from self._compare(row, decoded, found.path, found.probe)
            except (CuratorError, ValueError) as error:
                yield row.fault("source-unreadable", "source", f"the source cannot be cut: {error}")
            self.compared += 1

    def _find(self, url: str, digest: str) -> _Found:
        name = (url, digest)
        if name not in self._known:
            self._known[name] = _open(url, digest)
            while len(self._known) > _PROBES:
                self._known.popitem(last=False)
        self._known.move_to_end(name)
        return self._known[name]

    def _compare(self, row: Row, decoded: Decoded, path: Path, source: Probe) -> Iterator[Fault]:
        video, audio = tracks(self.recipe)
        clip, exact = decoded.clips.get("video"), decoded.clips.get("audio")
        if not row.end <= source.info.duration_seconds:
            what = f"the span ends at {float(row.end):.3f} s, the source at {float(source.info.duration_seconds):.3f} s"
            yield row.fault("span", "source", what)
            return
        seen: dict[str, Footage] = {}
        boxes = _boxes(row) if is_boxed(self.recipe.sample.video) else None
        if boxes == [] and clip is not None:
            yield row.fault("crop", "source", "nothing says which part of the source is shown")
        elif video is not None:
            seen["video"] = Footage(path, source, Span(row.start, row.end), video, boxes)
        yield from self._cameras(row, seen)
        for column, own in seen.items():
            written = decoded.clips.get(column)
            if written is not None:
                others = {name: one for name, one in seen.items() if name != column}
                yield from check_pictures(row, column, written, own, others)
        if exact is not None and exact.sound is not None and audio is not None and self._is_own:
            yield from _check_sound(row, exact.sound, audio, path, source)

    @property
    def _is_own(self) -> bool:
        """Whether sound is the video's own."""
        return self.recipe.sample.audio is not None and self.recipe.sample.audio.of is None

    def _cameras(self, row: Row, seen: dict[str, Footage]) -> Iterator[Fault]:
        """What further cameras saw of the sample comes to `seen`."""
        for name, spec in self.recipe.sample.videos.items():
            column = f"video.{name}"
            if row.values.get(column) is None:
                continue
            origin = row.cameras.get(name)
            if origin is None:
                self.skipped[f"{column}: the release does not say what it was cut from"] += 1
                continue
            found = self._find(origin.url, origin.fingerprint)
            if isinstance(found, str):
                self.skipped[f"{column}: {found}"] += 1
                continue
            if isinstance(found, _Wrong):
                yield row.fault(found.reason, "source", f"{column}: {found.what}")
                self.skipped[f"{column}: the source has changed"] += 1
                continue
            whole = Span(Fraction(0), found.probe.info.duration_seconds)
            span = Span(origin.start, origin.end).clip(whole)
            if span is None:
                what = f"{column}: the camera has nothing of {float(origin.start):.3f} s"
                yield row.fault("span", "source", what)
                continue
            seen[column] = Footage(found.path, found.probe, span, video_track(spec))
            self.cameras_compared += 1


def _open(url: str, digest: str) -> _Found:
    if not is_local(url):
        return "the source is not on this machine"
    path = local_path(url)
    if not path.is_file():
        return "the source is not where it was"
    ref = VideoRef(url=url, source="", rights=Rights(license=None))
    try:
        if fingerprint(ref) != digest:
            what = f"{path.name} is another file than the one that the sample was cut from"
            return _Wrong("source-changed", what)
        return _Opened(path, probe(path))
    except MediaError as error:
        return _Wrong("source-unreadable", error.message)


def _boxes(row: Row) -> list[list[float]]:
    """Which part of the source each frame shows, as the sample says."""
    held = row.values.get(f"tracks.{CROP}") or {}
    return list(held.get("values") or [])


def _check_sound(
    row: Row, exact: WrittenSound, audio: AudioTrack, path: Path, source: Probe
) -> Iterator[Fault]:
    """The sound must be the source's at the span, moved by what the sample says it was moved by."""
    span = Span(row.start, row.end)
    (made,) = cut(path, source, [span], video=None, audio=audio, stats=DecodeStats())
    again = None if made.audio is None else read_clip(made.audio).sound
    found = None if again is None else compare_sound(again, exact)
    if found is None:
        return
    moved = float(row.values.get("sync.audio.shift_seconds") or 0.0)
    late = found.late_seconds + moved
    if found.match < _SAME_SOUND:
        what = f"audio is not the sound of the source in this span (match {found.match:.2f})"
        yield row.fault("other-sound", "source", what)
    elif abs(late) > _SOUND_SECONDS:
        what = f"audio is {1000 * late:+.2f} ms late against the source"
        yield row.fault("skew", "source", what)
