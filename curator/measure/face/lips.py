"""The measure `lips`: whether the mouth in view moves with the voice that is heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import (
    AudioBlock,
    AudioNeed,
    ClipSeries,
    FrameBlock,
    FrameNeed,
    Need,
    Tile,
    View,
    Weight,
)
from curator.infer.boxes import Box, Picture, Points, overlap
from curator.measure.face.agreement import LIPS, VOICE, agreement
from curator.measure.face.blazeface import BLAZEFACE, BlazeFace
from curator.measure.face.detection import Detection
from curator.measure.face.mesh import MESH, Mesher
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.span import Span

__all__ = ["Lips"]

_Floats: TypeAlias = npt.NDArray[np.float64]

_RATE_HZ = 16_000
_HOP = Fraction(1, 50)  # a tile of 4 s holds exactly 200
_HOP_SAMPLES = 320
_HALF_WINDOW = 320
_BANDS_HZ = ((100, 1200), (500, 3500), (1200, 4500), (2800, 7600))
_FLOOR_DB, _SILENT_DB = -120.0, -85.0
_EVERY = 5  # frames from one look of the detector to the next
_SAME_FACE = 0.3
_SCALE_FRAMES = 12
_LEAST_SECONDS, _LEAST_FACES, _LEAST_FPS = 2, 0.8, 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Lips:
    """Whether the lips of the largest face move with the voice that is heard, and how late it is.

    Four distances of the face (`opening` between the lips, `jaw` from the bridge of the nose to the
    chin, `width` of the mouth, `upper` from the nose to the upper lip; all over the distance of the
    eyes) are compared with the level of the sound in four bands. What they should follow: the mouth
    opens with the level at 1.2 to 4.5 kHz, the jaw falls with that at 0.5 to 3.5 kHz, the mouth widens
    as the sound moves from below 1.2 to above 2.8 kHz, and the upper lip rises with what is above
    2.8 kHz. `agreement` is the mean of these four correlations, of movements from 1 to 10 per
    second, at the best offset of at most 0.12 s (people notice more). Chance alone gives short clips a
    higher `agreement`. So judge by `confidence`: it deducts half of what the best offset of 0.2 to 1 s
    reaches, allows for the length, and counts in standard deviations over what faces with the voice
    of somebody else reach, whose mean is 0. `offset_seconds` is worth something only together with
    a `confidence` of 2 or more.

    Typical: `agreement` 0.2..0.4 for a person whose voice is heard, `confidence` 1..3.5 in 3 to 5 s and
    2..4.5 from 7 s on; -1.3..1.3 with the voice of another, a voice 0.4 s off or played backwards,
    music or rain, whatever the length. At a bound of 1.2 a tenth of such wrong pairs stays (6 % at
    1.5, 2 % at 2), of right ones 73 % in clips of 3 s, 89 % in 5 s and all in 7 s or more.
    What fools it: music or another voice over the right one; a dub that was acted to the lips; hands
    and microphones before the mouth; a head that nods in time with its speech; smiles and
    moustaches weaken it; an offset below 0.2 s counts as none. It hears no difference between speech
    and other sounds with the same levels (see `speech`), and it takes the largest face for the speaker.
    Source: Grant and Seitz, JASA 108, 2000 (area of the mouth and the level of the second formant);
    Yehia, Rubin and Vatikiotis-Bateson, Speech Communication 26, 1998 (the face and spectral
    shape). Weights of MediaPipe (Apache-2.0), own code around them. Nothing
    is learnt, but which distance goes with which band, the bounds and the figures above are from
    five clips of four speakers.
    """

    name: ClassVar[str] = "lips"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "face"
    cost: ClassVar[float] = 0.25
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="opening", unit="gap/eyes", about="gap of the lips, outer edges"),
        SeriesSpec(name="jaw", unit="gap/eyes", about="from the bridge of the nose to the chin"),
        SeriesSpec(name="width", unit="gap/eyes", about="from corner to corner of the mouth"),
        SeriesSpec(name="upper", unit="gap/eyes", about="from the nose's tip to the upper lip"),
        SeriesSpec(name="voice_low", unit="dB", about="level of the sound at 0.1 to 1.2 kHz"),
        SeriesSpec(name="voice_middle", unit="dB", about="level at 0.5 to 3.5 kHz"),
        SeriesSpec(name="voice_formants", unit="dB", about="level at 1.2 to 4.5 kHz"),
        SeriesSpec(name="voice_high", unit="dB", about="level at 2.8 to 7.6 kHz"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(
            name="agreement",
            unit="correlation",
            about="how far lips and voice go together, -1 to 1, at most 0.12 s apart",
        ),
        SignalSpec(
            name="confidence",
            unit="sd",
            about="standard deviations above faces with another's voice",
        ),
        SignalSpec(
            name="offset_seconds",
            unit="s",
            about="where lips and voice agree best, within 0.5 s; positive: the sound is late",
        ),
    )

    fps: float = 25.0
    """Frames judged per second; below 20 syllables are lost."""
    max_side_px: int = 640
    """Longest side of the frames that are judged, pixels."""
    min_confidence: float = 0.6
    """Least confidence of the detector for a place to be looked at."""
    min_presence: float = 0.9
    """Least confidence of the landmark network for a face to count."""

    def __post_init__(self) -> None:
        if not 0 < self.min_confidence < 1 or not 0 <= self.min_presence <= 1:
            raise ValueError("confidences lie between 0 and 1")

    @property
    def needs(self) -> Mapping[str, Need]:
        """Upright frames in colour, and mono sound."""
        around = Fraction(_HALF_WINDOW, _RATE_HZ)
        return {
            "rgb": FrameNeed(
                view=View.rgb, fps=Fraction(str(self.fps)), max_side_px=self.max_side_px
            ),
            "sound": AudioNeed(
                sample_rate_hz=_RATE_HZ, before_seconds=around, after_seconds=around
            ),
        }

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The detector and the landmark network of `face`."""
        return (MESH, BLAZEFACE)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load both networks.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``.
        """
        spotter = BlazeFace(weights[BLAZEFACE.name], min_confidence=self.min_confidence)
        return _Running(spotter, Mesher(weights[MESH.name]), self.min_presence)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Compare lips and voice over the whole clip."""
        missing = _missing(clip)
        if missing is not None:
            return {spec.name: Signal(None, absent=missing) for spec in self.signals}
        found = agreement(clip.series)
        return {
            "agreement": Signal(found.agreement),
            "confidence": Signal(found.confidence),
            "offset_seconds": Signal(found.offset_seconds),
        }


def _missing(clip: ClipSeries) -> str | None:
    """Why lips and voice cannot be compared."""
    if not clip.video.audio:
        return "no-audio"
    if any(name not in clip.series or len(clip.series[name]) < 2 for name in (*LIPS, *VOICE)):
        return "too-short"
    seen, heard = clip.series[LIPS[0]], clip.series[VOICE[1]]
    there = np.isfinite(seen.values.astype(np.float64))
    seconds = min(seen.seconds[-1], heard.seconds[-1]) - max(seen.seconds[0], heard.seconds[0])
    reasons = (
        ("no-face", there.mean() < _LEAST_FACES),
        ("no-speech", heard.values.astype(np.float64).max() < _SILENT_DB),
        ("too-short", seconds < _LEAST_SECONDS),
        ("few-frames", there.sum() < _LEAST_FPS * seconds),
    )
    return next((slug for slug, holds in reasons if holds), None)


class _Running:
    def __init__(self, spotter: BlazeFace, mesher: Mesher, min_presence: float) -> None:
        self._spotter = spotter
        self._mesher = mesher
        self._min_presence = min_presence

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        columns = _lengths(self._points(block)).astype(np.float32)
        seen = {name: block.series(columns[:, k].copy()) for k, name in enumerate(LIPS)}
        sound = tile.audio.get("sound")
        return {**seen, **(_voice(tile.span, sound) if sound is not None else {})}

    def _points(self, block: FrameBlock) -> Points:
        """``(n, 478, 3)`` points of the largest face in each of the tile's own frames, or NaN."""
        pictures = block.pixels[block.own]
        points = np.full((len(pictures), 478, 3), np.nan)
        for index, place in enumerate(self._places(pictures)):
            if place is None:
                continue
            mesh = self._mesher(pictures[index], place)
            if mesh.presence >= self._min_presence:
                points[index] = mesh.points
        return points

    def _places(self, pictures: Picture) -> list[Detection | None]:
        """Where the largest face is in each frame: looked for in every fifth, in between on its way.

        The landmark network does not mind a region that is off by a few per cent, and regions that
        glide make its points jitter less than regions found anew in every frame.
        """
        if not len(pictures):
            return []
        looks = [*range(0, len(pictures) - 1, _EVERY), len(pictures) - 1]
        found = [self._largest(pictures[index]) for index in looks]
        places = found[-1:]
        for k in range(len(looks) - 2, -1, -1):
            steps = looks[k + 1] - looks[k]
            places = [_between(found[k], found[k + 1], i / steps) for i in range(steps)] + places
        return places

    def _largest(self, picture: Picture) -> Detection | None:
        return max(self._spotter(picture), key=lambda one: one.box.height, default=None)


def _between(one: Detection | None, other: Detection | None, way: float) -> Detection | None:
    """The place at a share of the way; the nearer one when they are not the same face."""
    if one is None or other is None or overlap(one.box, other.box) < _SAME_FACE:
        return one if way <= 0.5 else other
    ends = (
        (a.box.left, a.box.top, a.box.right, a.box.bottom, a.tilt_radians) for a in (one, other)
    )
    left, top, right, bottom, tilt = ((1 - way) * a + way * b for a, b in zip(*ends, strict=True))
    return Detection(one.confidence, Box(left, top, right, bottom), tilt)


def _lengths(points: Points) -> _Floats:
    """``(n, 4)`` in the order of `LIPS`, over the distance of the eyes' outer corners."""
    opening = (_gap(points, 0, 17) + _gap(points, 37, 84) + _gap(points, 267, 314)) / 3
    lengths = [opening, _gap(points, 168, 152), _gap(points, 78, 308), _gap(points, 1, 0)]
    return np.stack(lengths, axis=1) / _steadied(_gap(points, 33, 263))[:, None]


def _gap(points: Points, one: int, other: int) -> _Floats:
    gap: _Floats = np.linalg.norm(points[:, one] - points[:, other], axis=-1)
    return gap


def _steadied(size: _Floats) -> _Floats:
    """Mean over half a second to either side, so that jitter of the eyes does not move the mouth."""
    there = np.isfinite(size)
    kernel = np.ones(2 * _SCALE_FRAMES + 1)
    inside = slice(_SCALE_FRAMES, _SCALE_FRAMES + len(size))
    total = np.convolve(np.where(there, size, 0), kernel)[inside]
    count = np.convolve(there.astype(np.float64), kernel)[inside]
    return np.where(there, total / np.maximum(count, 1), np.nan)


def _voice(span: Span, block: AudioBlock) -> dict[str, Series]:
    """Levels in windows of 40 ms around every 20 ms of the video's clock, over white noise at full scale."""
    first, last = ceil(span.start / _HOP), ceil(span.end / _HOP)
    heard = np.where(block.covered, block.samples[0], 0).astype(np.float64)
    begin = first * _HOP_SAMPLES - _HALF_WINDOW - block.start
    # The block of a video's first tile has no sound before it.
    padded = np.concatenate(
        [np.zeros(max(0, -begin)), heard[max(0, begin) :], np.zeros(2 * _HALF_WINDOW)]
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF_WINDOW)[::_HOP_SAMPLES]
    ticks = np.arange(first, last, dtype=np.int64)[: len(windows)]
    taper = np.hanning(2 * _HALF_WINDOW)
    power = np.abs(np.fft.rfft(windows[: len(ticks)] * taper, axis=1)) ** 2 / np.square(taper).sum()
    step = _RATE_HZ / (2 * _HALF_WINDOW)
    bands = [power[:, int(low / step) : int(high / step)].mean(axis=1) for low, high in _BANDS_HZ]
    floor = 10 ** (_FLOOR_DB / 10)
    return {
        name: Series(ticks, _HOP, (10 * np.log10(np.maximum(band, floor))).astype(np.float32))
        for name, band in zip(VOICE, bands, strict=True)
    }
