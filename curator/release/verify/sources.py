"""Samples against the footage that they were cut from: the same picture at t = 0, the same frames, the same sound."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curator.engine.sample import tracks
from curator.errors import CuratorError, MediaError
from curator.media.encode import AudioTrack, VideoTrack, cut
from curator.media.probe import Probe, probe
from curator.media.readback import WrittenSound, WrittenVideo, compare_sound, read_clip
from curator.media.stats import DecodeStats
from curator.model.crop import CropPath
from curator.model.series import Series
from curator.model.span import Span
from curator.model.video import Rights, VideoRef
from curator.release.verify.clips import Decoded
from curator.release.verify.faults import Fault
from curator.release.verify.rows import Row
from curator.source.address import is_local, local_path
from curator.source.fingerprint import fingerprint
from curator.spec.crops import CROP, is_boxed
from curator.spec.recipe import Recipe

__all__ = ["Sources"]

_LEAST_PSNR_DB = 20.0
"""Two encodings of one picture have 28 dB and more even at low quality; other pictures 8 to 18."""
_CLEARLY_DB = 1.5
"""A neighbouring frame that fits better by this much is the one that was written."""
_SOUND_SECONDS = 0.001
_SAME_SOUND = 0.5
_PROBES = 16
_UNDER_TEST = 2
"""Frames of the source that are compared: the right one and the one after it; the one before comes on top."""


@dataclass(slots=True)
class Sources:
    """Finds and reads sources; those that cannot be compared are counted by reason in `skipped`."""

    recipe: Recipe
    compared: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    _known: OrderedDict[tuple[str, str], tuple[Path, Probe] | str | Fault] = field(
        default_factory=OrderedDict
    )
    """By url and fingerprint: where the source is, or why it cannot be compared, or what is wrong with it."""

    def check(self, row: Row, decoded: Decoded) -> Iterator[Fault]:
        """Faults of one sample; each source is fingerprinted once."""
        found = self._find(row)
        if isinstance(found, Fault):
            yield found
            self.skipped["the source has changed"] += 1
        elif isinstance(found, str):
            self.skipped[found] += 1
        else:
            try:
                yield from self._compare(row, decoded, *found)
            except (CuratorError, ValueError) as error:
                yield row.fault("source-unreadable", "source", f"the source cannot be cut: {error}")
            self.compared += 1

    def _find(self, row: Row) -> tuple[Path, Probe] | str | Fault:
        name = (str(row.values["url"]), str(row.values["fingerprint"]))
        if name not in self._known:
            self._known[name] = _open(row)
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
        if clip is not None and video is not None:
            yield from self._check_count(row, clip, source)
            boxes = _boxes(row) if is_boxed(self.recipe.sample.video) else None
            if boxes == []:
                yield row.fault("crop", "source", "nothing says which part of the source is shown")
            elif clip.head:
                box = None if boxes is None else boxes[0]
                yield from _check_first(row, clip.head[0], box, video, path, source)
        own = self.recipe.sample.audio is not None and self.recipe.sample.audio.of is None
        if exact is not None and exact.sound is not None and audio is not None and own:
            yield from _check_sound(row, exact.sound, audio, path, source)

    def _check_count(self, row: Row, clip: WrittenVideo, source: Probe) -> Iterator[Fault]:
        spec = self.recipe.sample.video
        if spec is None or spec.fps is not None:
            return
        table = source.table
        there = table.index_at(row.end) - table.index_at(row.start)
        if len(clip.times) != there:
            what = f"{len(clip.times)} pictures, the source has {there} in the span"
            yield row.fault("num-frames", "source", what)


def _open(row: Row) -> tuple[Path, Probe] | str | Fault:
    url, name = str(row.values["url"]), str(row.values["fingerprint"])
    if not is_local(url):
        return "the source is not on this machine"
    path = local_path(url)
    if not path.is_file():
        return "the source is not where it was"
    ref = VideoRef(url=url, source="", rights=Rights(license=None))
    try:
        if fingerprint(ref) != name:
            what = f"{path.name} is another file than the one that the sample was cut from"
            return row.fault("source-changed", "source", what)
        return path, probe(path)
    except MediaError as error:
        return row.fault("source-unreadable", "source", error.message)


def _boxes(row: Row) -> list[list[float]]:
    """Which part of the source each frame shows, as the sample says."""
    held = row.values.get(f"tracks.{CROP}") or {}
    return list(held.get("values") or [])


def _path(box: list[float], span: Span, source: Probe) -> CropPath:
    """One box for all frames of a span."""
    table = source.table
    ticks = table.ticks[table.index_at(span.start) : table.index_at(span.end)]
    boxes = np.tile(np.array(box, np.float64), (len(ticks), 1))
    return CropPath(boxes=Series(ticks, table.time_base, boxes))


def _check_first(
    row: Row,
    first: npt.NDArray[np.uint8],
    box: list[float] | None,
    video: VideoTrack,
    path: Path,
    source: Probe,
) -> Iterator[Fault]:
    """The first picture must be the source's frame at the span's start, or `box` of it, and fit no neighbour better."""
    table = source.table
    right = table.index_at(row.start)
    begin, end = max(0, right - 1), min(len(table), right + _UNDER_TEST)
    span = Span(table.time(begin), table.time(end))
    own_times = VideoTrack(height=video.height, crf=video.crf, preset=video.preset, look=video.look)
    crops = [] if box is None else [_path(box, span, source)]
    (made,) = cut(
        path, source, [span], video=own_times, audio=None, crops=crops, stats=DecodeStats()
    )
    if made.video is None:
        return
    frames = read_clip(made.video, head=end - begin).head
    if not frames or frames[0].shape != first.shape:
        what = f"the first picture is {first.shape[1]} x {first.shape[0]}, the source gives {frames[0].shape[1]} x {frames[0].shape[0]}"
        yield row.fault("size", "source", what)
        return
    fits = {begin + k: _psnr(first, frame) for k, frame in enumerate(frames)}
    best = max(fits, key=lambda index: fits[index])
    if fits.get(right, 0.0) < _LEAST_PSNR_DB:
        what = f"the first picture is not frame {right} of the source (PSNR {fits.get(right, 0.0):.1f} dB)"
        yield row.fault("first-frame", "source", what)
    elif fits[best] > fits[right] + _CLEARLY_DB:
        what = f"the first picture is frame {best} of the source, not frame {right} (PSNR {fits[best]:.1f} and {fits[right]:.1f} dB)"
        yield row.fault("first-frame", "source", what)


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


def _psnr(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float:
    """Decibels; 99 for equal pictures."""
    error = float(np.mean(np.square(a.astype(np.float64) - b.astype(np.float64))))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))
