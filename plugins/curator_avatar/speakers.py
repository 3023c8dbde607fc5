"""How many people are heard: a talking head has one voice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import AudioBlock, AudioNeed, ClipSeries, Need, Tile, Weight
from curator.infer.silero import SILERO, Silero, windows
from curator.infer.silero import WINDOW as _VOICE_WINDOW
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.span import Span
from curator_avatar.encoder import ENCODER, NUM_FEATURES, RATE_HZ, WINDOW, Encoder
from curator_avatar.groups import grouped

__all__ = ["Speakers"]

_Floats: TypeAlias = npt.NDArray[np.float32]

_STEP = Fraction(1, 2)
_HALF = Fraction(WINDOW, 2 * RATE_HZ)
_WARM_UP = Fraction(4)
_BESIDE = Fraction(1)
_SPEAKS = 0.5
_LEAST_IN_GROUP = 2
_LOW = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Speakers:
    """Whether all speech of a clip is by one voice, and by how many if not.

    Twice a second, the 1.6 s around are turned into a vector of length 1 (`embedding`) that tells voices
    apart, if at least `min_speech` of them is speech (Silero's voice detector says so);
    other windows have none. A clip is judged by its windows that lie inside it.
    `similarity` is the tenth percentile of the cosines of all pairs of windows; `count` is the
    number of groups of two or more windows whose mean cosine is above `same_voice`
    (average linkage).

    Typical, for 17 speakers: in clips of 8 s one voice has `similarity` 0.63..0.78, with music or rain 5 to
    20 dB below it 0.48..0.78; two who follow one another 0.32..0.51, two who take turns of 2 s
    0.34..0.55 (to the 90th percentile). A bound of 0.48 passes 99.5 % of 187 clips of one voice
    and stops 77 % of those in which another takes over. `count` was 1 in every clip of one voice, noisy
    or not, and more in 80 % of those in which another takes over.
    Pairs of windows of one speaker have cosines of 0.62..0.86, of two speakers 0.29..0.55.
    What fools it: turns shorter than 2 s disappear in their windows, so half of all quick dialogues
    count as one voice; a voice that shouts, laughs or changes its room is partly another; clips
    of less than 5 s hold too few windows for a second voice to show.
    Source: Wan et al., "Generalized end-to-end loss for speaker verification", ICASSP 2018; weights of
    Resemblyzer (Apache-2.0) and Silero (MIT); own code around them; thresholds calibrated on
    LibriSpeech test-other and our footage.
    """

    name: ClassVar[str] = "speakers"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "audio"
    cost: ClassVar[float] = 0.04
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="speech", unit="ratio", about="share of the 1.6 s around that is speech"),
        SeriesSpec(
            name="embedding",
            unit="direction",
            about="the voice in the 1.6 s around, as a vector of length 1; NaN where too little is spoken",
            shape=(NUM_FEATURES,),
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(
            name="similarity",
            unit="cosine",
            about="how alike the voices of all moments of the clip are, lowest tenth",
        ),
        SignalSpec(name="count", unit="count", about="different voices that speak in the clip"),
    )

    min_speech: float = 0.5
    """Share of a window that must be speech for its voice to count."""
    same_voice: float = 0.55
    """Mean cosine above which two groups of windows are one voice."""

    def __post_init__(self) -> None:
        if not 0 < self.min_speech <= 1 or not -1 <= self.same_voice <= 1:
            raise ValueError("min_speech is a share above 0, same_voice a cosine")

    @property
    def needs(self) -> Mapping[str, Need]:
        """Mono sound at 16 kHz, with what the voice detector hears first."""
        need = AudioNeed(
            sample_rate_hz=RATE_HZ, before_seconds=_WARM_UP + _BESIDE, after_seconds=_BESIDE
        )
        return {"audio": need}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The voice detector and the voice encoder."""
        return (SILERO, ENCODER)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load both networks.

        Raises:
            MeasureError: ``extra-missing`` without onnxruntime, ``weights-unreadable`` when a file is
                not what it should be.
        """
        silero = Silero(weights[SILERO.name], wanted_by="speakers", extra="audio")
        return _Running(self.min_speech, silero, Encoder(weights[ENCODER.name]))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Compare the windows of the clip with each other."""
        series = clip.series.get("embedding")
        if series is None or not len(series):
            slug = "no-audio" if not clip.video.audio else "no-samples"
            return {spec.name: Signal(None, absent=slug) for spec in self.signals}
        voices = _inside(series, clip.span)
        if len(voices) < _LEAST_IN_GROUP:
            return {spec.name: Signal(None, absent="too-little-speech") for spec in self.signals}
        cosines = voices @ voices.T
        pairs = cosines[np.triu_indices(len(voices), 1)]
        groups = grouped(cosines, least=self.same_voice)
        large = sum(size >= _LEAST_IN_GROUP for size in groups)
        return {
            "similarity": Signal(float(np.quantile(pairs, _LOW))),
            "count": Signal(float(max(1, large))),
        }


class _Running:
    def __init__(self, min_speech: float, silero: Silero, encoder: Encoder) -> None:
        self._min_speech = min_speech
        self._silero = silero
        self._encoder = encoder

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.audio.get("audio")
        if block is None:
            return {}
        ticks, starts = _windows(block, tile.span)
        if not len(ticks):
            return {}
        sound = np.where(block.covered, block.samples[0], 0).astype(np.float32)
        speech = self._speech(sound, starts)
        voices = np.full((len(ticks), NUM_FEATURES), np.nan, np.float16)
        spoken = speech >= self._min_speech
        if spoken.any():
            voices[spoken] = self._encoder(_cut(sound, starts[spoken]))
        return {
            "speech": Series(ticks, _STEP / 2, speech),
            "embedding": Series(ticks, _STEP / 2, voices),
        }

    def _speech(self, sound: _Floats, starts: npt.NDArray[np.int64]) -> _Floats:
        """``(n,)`` share of each window in which somebody speaks."""
        speaks = np.repeat(self._silero(windows(sound)) >= _SPEAKS, _VOICE_WINDOW)
        share: _Floats = _cut(speaks.astype(np.float32), starts).mean(axis=1, dtype=np.float32)
        return np.minimum(share, 1)


def _windows(block: AudioBlock, span: Span) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Times of the middles inside the tile, in quarter seconds, and where the windows begin in the block."""
    first = int(span.start / _STEP)
    count = max(0, -(-(span.end - span.start - _STEP / 2) // _STEP))
    ticks = 2 * np.arange(first, first + count, dtype=np.int64) + 1
    middles = ticks * int(RATE_HZ * _STEP / 2)
    return ticks, middles - block.start - WINDOW // 2


def _cut(sound: _Floats, starts: npt.NDArray[np.int64]) -> _Floats:
    """``(n, WINDOW)`` samples from each start on; silence beyond both ends of the sound."""
    padded = np.pad(sound, (WINDOW, WINDOW))
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    return views[starts + WINDOW]


def _inside(series: Series, span: Span) -> npt.NDArray[np.float64]:
    """``(n, 256)`` voices of the windows that lie wholly in the clip and have one."""
    low, high = float(span.start + _HALF), float(span.end - _HALF)
    whole = (series.seconds >= low) & (series.seconds <= high)
    vectors = series.values[whole].astype(np.float64)
    found: npt.NDArray[np.float64] = vectors[np.isfinite(vectors).all(axis=1)]
    return found
