"""The measure `syncnet`: vectors of the lips and of the sound, close to each other where they agree."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

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
from curator.errors import MeasureError
from curator.measure.face.blazeface import BLAZEFACE, BlazeFace
from curator.measure.face.mesh import MESH, Mesher
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.span import Span
from curator_syncnet.crops import AROUND, Cropper, crop
from curator_syncnet.distances import agreement
from curator_syncnet.layout import FEATURES
from curator_syncnet.mfcc import HOP, LENGTH, RATE_HZ, mfcc

if TYPE_CHECKING:
    from curator_syncnet.network import Network

__all__ = ["SyncNet"]

_Floats: TypeAlias = npt.NDArray[np.float32]

_LOG = logging.getLogger(__name__)
_WEIGHTS = "checkpoint"
_ADDRESS: Mapping[str, object] = {"key": False}  # the digest of the weights is in the key
_FPS = Fraction(25)
_WINDOW, _STEPS = 5, 20
_SOUND_STEP = Fraction(1, 50)
_HOPS_A_STEP = 2
_MIN_CONFIDENCE, _MIN_PRESENCE = 0.6, 0.9
_REACH = (_STEPS - 1) * HOP + LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncNet:
    """SyncNet's vectors: 1024 numbers for five pictures of the lips, and for 0.2 s of sound.

    The distance between the two is small where lips and voice agree. `visual` has a vector at the
    first of every five frames at 25 per second, of the largest face; `audio` one every 20 ms, of the 0.2 s
    that begin there. The clip's signals and the aligner `syncnet` compare them at all offsets.

    Typical: as published, `confidence` (median less least distance of offsets within 0.6 s) above 5 for people
    who are heard, 2 to 4 in noise, below 2 for another voice; `distance` 6..9 in sync, above 11 else.
    `offset_frames` is positive when the sound is late (the published script prints it with the other sign).
    What fools it: profiles and hands before the mouth, faces below 100 px, music over the voice,
    several speakers of whom the largest face is not the one, pictures at fewer than 20 frames per second.
    Source: Chung and Zisserman, "Out of time: automated lip sync in the wild", ACCV workshops 2016. Own code;
    the faces are found by BlazeFace and the face mesh of MediaPipe (Apache-2.0) in place of S3FD, so
    distances differ a little from the published script's. Weights under the terms of their publisher.
    """

    name: ClassVar[str] = "syncnet"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "syncnet"
    cost: ClassVar[float] = 2.4
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="visual",
            unit="embedding",
            about="lips of five frames from here on",
            shape=(FEATURES,),
        ),
        SeriesSpec(
            name="audio", unit="embedding", about="0.2 s of sound from here on", shape=(FEATURES,)
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(
            name="confidence", unit="distance", about="median less least distance, within 0.6 s"
        ),
        SignalSpec(name="distance", unit="distance", about="least mean distance, within 0.6 s"),
        SignalSpec(
            name="offset_frames",
            unit="frames at 25 fps",
            about="where it is least; positive: the sound is late",
        ),
    )

    weights_from: str = field(default="", metadata=_ADDRESS)
    """Address of the published checkpoint (`file:///...`, `hf://owner/name@revision/file`, `https://...`). It is never fetched unasked: without an address the measure cannot run."""
    sha256: str = field(default="", metadata=_ADDRESS)
    """Digest of the checkpoint, 64 lower-case hex digits."""
    license: str = field(default="LicenseRef-SyncNet-research", metadata=_ADDRESS)
    """Licence of the checkpoint that you chose, as it will be recorded: the weights were published for research, without a licence of their own."""
    max_side_px: int = 640
    """Longest side of the frames that are judged, pixels."""

    @property
    def needs(self) -> Mapping[str, Need]:
        """Frames at 25 per second with those around, and mono sound at 16 kHz."""
        return {
            "rgb": FrameNeed(
                view=View.rgb,
                fps=_FPS,
                max_side_px=self.max_side_px,
                before=AROUND,
                after=AROUND + _WINDOW - 1,
            ),
            "sound": AudioNeed(
                sample_rate_hz=RATE_HZ,
                before_seconds=Fraction(1, 100),
                after_seconds=Fraction(_REACH, RATE_HZ),
            ),
        }

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The detector and the mesh, and the checkpoint that the recipe names."""
        if not self.weights_from:
            return (BLAZEFACE, MESH)
        source = "Chung and Zisserman, 2016, https://www.robots.ox.ac.uk/~vgg/software/lipsync/"
        return (
            BLAZEFACE,
            MESH,
            Weight(
                name=_WEIGHTS,
                url=self.weights_from,
                sha256=self.sha256,
                license=self.license,
                source=source,
            ),
        )

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the three networks.

        Raises:
            MeasureError: ``weights-missing``, ``extra-missing``, ``weights-unreadable``, ``weights-mismatch``.
        """
        if _WEIGHTS not in weights:
            raise MeasureError(
                "the measure 'syncnet' needs a published checkpoint, and comes without one",
                reason="weights-missing",
                hint="set `measure.syncnet.weights_from` and `.sha256`; the README of curator_syncnet says where it is published",
            )
        from curator_syncnet.checkpoint import load
        from curator_syncnet.network import Network

        network = Network(load(weights[_WEIGHTS]))
        spotter = BlazeFace(weights[BLAZEFACE.name], min_confidence=_MIN_CONFIDENCE)
        cropper = Cropper(spotter, Mesher(weights[MESH.name]), _MIN_PRESENCE)
        return _Running(network, cropper, _notice_of(self.license))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Compare both over the whole clip, offsets within 0.6 s."""
        visual, audio = clip.series.get("visual"), clip.series.get("audio")
        missing = "no-audio" if not clip.video.audio else "too-short"
        if visual is not None and audio is not None:
            found = agreement(visual, audio)
            if not isinstance(found, str):
                return {
                    "confidence": Signal(found.confidence),
                    "distance": Signal(found.distance),
                    "offset_frames": Signal(found.seconds * float(_FPS)),
                }
            missing = found
        return {spec.name: Signal(None, absent=missing) for spec in self.signals}


class _Running:
    def __init__(self, network: Network, cropper: Cropper, notice: str) -> None:
        self._network = network
        self._cropper = cropper
        self._notice = notice

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        _say_once(self._notice)  # not while the model is loaded: the engine hushes greetings there
        block = tile.frames["rgb"]
        seen = {"visual": block.series(self._visual(block))}
        sound = tile.audio.get("sound")
        return seen if sound is None else {**seen, "audio": self._audio(tile.span, sound)}

    def _visual(self, block: FrameBlock) -> npt.NDArray[np.float16]:
        """``(own frames, 1024)``; NaN where one of the five has no face or is not there."""
        own = block.own
        out = np.full((own.stop - own.start, FEATURES), np.nan, np.float16)
        places = self._cropper.places(block.pixels)
        there = np.isfinite(places[:, 0])
        starts = [
            first
            for first in range(own.start, min(own.stop, len(there) - _WINDOW + 1))
            if there[first : first + _WINDOW].all()
        ]
        for run in _runs(starts):
            frames = range(run[0], run[-1] + _WINDOW)
            pictures = np.stack([crop(block.pixels[k], places[k]) for k in frames])
            out[run[0] - own.start : run[-1] + 1 - own.start] = self._network.visual(pictures)
        return out

    def _audio(self, span: Span, block: AudioBlock) -> Series:
        """A vector every 20 ms of the video's clock, as far as there is sound for it."""
        first, last = ceil(span.start / _SOUND_STEP), ceil(span.end / _SOUND_STEP)
        heard = np.where(block.covered, block.samples[0], 0).astype(np.float32)
        begin = first * _HOPS_A_STEP * HOP - block.start
        padded = np.concatenate([heard[begin:], np.zeros(_REACH, np.float32)])
        before = float(heard[begin - 1]) if begin > 0 else 0.0
        rows = mfcc(padded, before).astype(np.float32)
        count = min(last - first, (len(rows) - _STEPS) // _HOPS_A_STEP + 1)
        windows = np.lib.stride_tricks.sliding_window_view(rows, _STEPS, axis=0)[::_HOPS_A_STEP]
        vectors = self._network.audio(windows[: max(0, count)]).astype(np.float16)
        ticks = np.arange(first, first + len(vectors), dtype=np.int64)
        return Series(ticks, _SOUND_STEP, vectors)


def _runs(numbers: list[int]) -> list[list[int]]:
    """Numbers in time order, cut where one is left out."""
    out: list[list[int]] = []
    for number in numbers:
        if out and out[-1][-1] + 1 == number:
            out[-1].append(number)
        else:
            out.append([number])
    return out


def _notice_of(terms: str) -> str:
    return (
        f"syncnet: the weights of SyncNet (Chung and Zisserman, VGG, Oxford) are used under {terms}. They were"
        " published for research; see that your use is allowed."
    )


@cache
def _say_once(notice: str) -> None:
    """Log it, once in a process."""
    _LOG.warning("%s", notice)
