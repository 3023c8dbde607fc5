"""The pictures of a clip against the file that they were cut from: as many, and the same ones at both ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from curator.media.encode import VideoTrack, cut
from curator.media.probe import Probe
from curator.media.readback import WrittenVideo, read_clip
from curator.media.stats import DecodeStats
from curator.model.crop import CropPath
from curator.model.series import Series
from curator.model.span import Span
from curator.release.verify.faults import Fault
from curator.release.verify.rows import Row

__all__ = ["Footage", "check_pictures"]

_LEAST_PSNR_DB = 20.0
"""Two encodings of one picture have 28 dB and more even at low quality; other pictures 8 to 18."""
_SURE_PSNR_DB = 28.0
"""Below this frames further off are looked at as well: still scenes look alike for a while."""
_CLEARLY_DB = 1.5
"""A frame that fits better by this much is the one that was written."""
_NEAR, _FAR = 1, 25
"""Frames before and after the right one that are compared: always, and when the right one does not fit well."""

Luma = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Footage:
    """The file that a column was cut from, and what of it."""

    path: Path
    probe: Probe
    span: Span
    """On the file's own clock."""
    track: VideoTrack
    boxes: Sequence[list[float]] | None = None
    """Which part of each picture is shown, where it is not all of it."""

    @property
    def first(self) -> int:
        """The frame that is shown first."""
        return self.probe.table.index_at(self.span.start)

    @property
    def num_pictures(self) -> int:
        """How many pictures a clip of it has."""
        table, fps = self.probe.table, self.track.fps
        if fps is not None:
            return max(1, ceil(self.span.seconds * fps))
        return table.index_at(self.span.end) - self.first

    @property
    def last(self) -> int:
        """The frame that is shown last; at a constant rate one more or one less may be meant."""
        table, fps = self.probe.table, self.track.fps
        if fps is None:
            return table.index_at(self.span.end) - 1
        shown = self.span.start + (self.num_pictures - Fraction(1, 2)) / fps
        return max(self.first, table.index_at(min(shown, self.span.end)) - 1)


def check_pictures(
    row: Row, column: str, clip: WrittenVideo, own: Footage, others: Mapping[str, Footage]
) -> Iterator[Fault]:
    """Count, first and last picture of a clip; `others` are what the sample's other columns were cut from."""
    about = "" if column == "video" else f"{column}: "
    if len(clip.times) != own.num_pictures:
        what = f"{about}{len(clip.times)} pictures, the source has {own.num_pictures} in the span"
        yield row.fault("num-frames", "source", what)
    if not clip.head or clip.last is None:
        return
    found = _compared(clip.head[0], own, _End("first", own.first, 0, 0))
    if found is None:
        slack = 0 if own.track.fps is None else 1
        found = _compared(clip.last, own, _End("last", own.last, slack, -1))
    if found is None:
        return
    reason, fit, what = found
    other = _shown_by(clip.head[0], others)
    if reason != "last-frame" and other is not None and other[1] > fit + _CLEARLY_DB:
        what = f"{about}the first picture is that of {other[0]} (PSNR {other[1]:.1f} dB)"
        yield row.fault("other-camera", "source", what)
    else:
        yield row.fault(reason, "source", f"{about}{what}")


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a clip: what it is called, the frame that it must show, and which box of it."""

    name: str
    right: int
    slack: int
    """Frames before and after that are as right."""
    box: int


def _compared(picture: Luma, own: Footage, end: _End) -> tuple[str, float, str] | None:
    """(reason, decibels, what) where a picture is not the right frame; None where it is."""
    right = range(end.right - end.slack, end.right + end.slack + 1)
    fits = _fits(picture, own, end, _NEAR + end.slack)
    if isinstance(fits, str):
        return "size", 0.0, fits
    if not fits:
        return None
    there = max(fits.get(index, 0.0) for index in right)
    if there < _SURE_PSNR_DB or max(fits.values()) > there + _CLEARLY_DB:
        wide = _fits(picture, own, end, _FAR)
        assert not isinstance(wide, str), "its pictures have the right size"
        fits = wide
    best = max(fits, key=lambda index: fits[index])
    reason = f"{end.name}-frame"
    if fits[best] > there + _CLEARLY_DB and fits[best] >= _LEAST_PSNR_DB:
        table = own.probe.table
        late = float(table.time(end.right) - table.time(best))
        what = f"the {end.name} picture is frame {best} of the source, not frame {end.right}: {_skew(late)} (PSNR {fits[best]:.1f} and {there:.1f} dB)"
        return reason, there, what
    if there < _LEAST_PSNR_DB:
        what = (
            f"the {end.name} picture is not frame {end.right} of the source (PSNR {there:.1f} dB)"
        )
        return reason, there, what
    return None


def _skew(late_seconds: float) -> str:
    """What a clip shows too soon is shown early."""
    side = "late" if late_seconds > 0 else "early"
    return f"everything is shown {1000 * abs(late_seconds):.0f} ms {side}"


def _fits(picture: Luma, own: Footage, end: _End, reach: int) -> dict[int, float] | str:
    """Frame to decibels, of the frames around the right one; words where pictures have another size."""
    begin = max(0, end.right - reach)
    until = min(len(own.probe.table), end.right + reach + 1)
    frames = _pictures(own, begin, until, end.box)
    if frames and frames[0].shape != picture.shape:
        there = f"{frames[0].shape[1]} x {frames[0].shape[0]}"
        return f"the {end.name} picture is {picture.shape[1]} x {picture.shape[0]}, the source gives {there}"
    return {begin + k: _psnr(picture, frame) for k, frame in enumerate(frames)}


def _pictures(own: Footage, begin: int, until: int, box: int = 0) -> tuple[Luma, ...]:
    """Frames of the source as a clip would have them, in the box of one of its ends."""
    table, track = own.probe.table, own.track
    span = Span(table.time(begin), table.time(until))
    plain = VideoTrack(height=track.height, crf=track.crf, preset=track.preset, look=track.look)
    crops = [] if own.boxes is None else [_path(own.boxes[box], span, own.probe)]
    (made,) = cut(
        own.path, own.probe, [span], video=plain, audio=None, crops=crops, stats=DecodeStats()
    )
    return () if made.video is None else read_clip(made.video, head=until - begin).head


def _shown_by(first: Luma, others: Mapping[str, Footage]) -> tuple[str, float] | None:
    """(column, decibels) of the other footage that begins with this picture, if there is one."""
    fits: dict[str, float] = {}
    for name, other in others.items():
        for frame in _pictures(other, other.first, other.first + 1):
            height, width = first.shape
            scaled = frame
            if frame.shape != first.shape:
                scaled = np.asarray(
                    cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8
                )
            fits[name] = _psnr(first, scaled)
    best = max(fits, key=lambda name: fits[name], default=None)
    return None if best is None or fits[best] < _LEAST_PSNR_DB else (best, fits[best])


def _path(box: list[float], span: Span, source: Probe) -> CropPath:
    """One box for all frames of a span."""
    table = source.table
    ticks = table.ticks[table.index_at(span.start) : table.index_at(span.end)]
    boxes = np.tile(np.array(box, np.float64), (len(ticks), 1))
    return CropPath(boxes=Series(ticks, table.time_base, boxes))


def _psnr(a: Luma, b: Luma) -> float:
    """Decibels; 99 for equal pictures."""
    error = float(np.mean(np.square(a.astype(np.float64) - b.astype(np.float64))))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))
