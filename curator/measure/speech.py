"""When somebody speaks: the first question about footage for talking heads, narration and dubbing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import AudioBlock, AudioNeed, ClipSeries, Need, Tile, Weight
from curator.infer.silero import RATE_HZ, SILERO, WINDOW, Silero, windows
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Speech"]

_WINDOW_SECONDS = Fraction(WINDOW, RATE_HZ)  # a tile of 4 s holds exactly 125
_WARM_UP_SECONDS = Fraction(4)
_START, _STOP = 0.5, 0.35

_Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """How likely each 32 ms of the sound track is to contain a human voice that speaks.

    Windows lie on the video's clock (at multiples of 32 ms from the first frame). The network keeps a
    memory, so each tile starts afresh and listens to the 4 s before it first; against one that has
    listened from the start, 0.3 % of windows change sides. Windows of digital silence, and those
    where the stream has no sound, are 0. `active` is 1 from the first window of at least 0.5 until
    one below 0.35 (Silero's own hysteresis). It is not cleaned of short bursts and gaps: a recipe's
    `forgive_seconds` is for that.

    Typical: `share` 0.7..0.95 for a talking head, as speakers breathe; below 0.05 for music, nature and
    noise. `longest_pause_seconds` 0.3..1 within fluent speech, above 2 for footage without it.
    What fools it: crowds and distant voices are often not heard; singing mostly counts as no
    speech, rap as speech; a second or two of rain or hiss can read as a voice. It does not know
    whether the voice belongs to a face in view, nor its language.
    Source: Silero Team, "Silero VAD: pre-trained enterprise-grade voice activity detector", 2024
    (weights MIT); own code around them.
    """

    name: ClassVar[str] = "speech"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "audio"
    cost: ClassVar[float] = 0.006
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="probability", unit="ratio", about="probability of speech in a window"),
        SeriesSpec(name="active", unit="ratio", about="1 while somebody speaks, else 0"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="share", unit="ratio", about="share of the clip with speech"),
        SignalSpec(name="seconds", unit="s", about="seconds of the clip with speech"),
        SignalSpec(
            name="longest_pause_seconds",
            unit="s",
            about="longest stretch of the clip without speech, its ends included",
        ),
    )

    @property
    def needs(self) -> Mapping[str, Need]:
        """Mono sound at 16 kHz, with the tile before."""
        return {"audio": AudioNeed(sample_rate_hz=RATE_HZ, before_seconds=_WARM_UP_SECONDS)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """Silero's network."""
        return (SILERO,)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the network.

        Raises:
            MeasureError: ``extra-missing`` without onnxruntime, ``weights-unreadable`` when the file is
                no network.
        """
        return _Running(Silero(weights[SILERO.name], wanted_by="speech", extra="audio"))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """How much and how fluently somebody speaks in the clip."""
        active = clip.series.get("active")
        if active is None or not len(active):
            slug = "no-audio" if not clip.video.audio else "no-samples"
            return {spec.name: Signal(None, absent=slug) for spec in self.signals}
        on = active.values.astype(np.float32) > 0
        pauses = [sum(1 for _ in run) for speaks, run in groupby(on.tolist()) if not speaks]
        window = float(_WINDOW_SECONDS)
        return {
            "share": Signal(float(on.mean())),
            "seconds": Signal(float(on.sum()) * window),
            "longest_pause_seconds": Signal(max(pauses, default=0) * window),
        }


class _Running:
    def __init__(self, silero: Silero) -> None:
        self._silero = silero

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.audio.get("audio")
        if block is None:
            return {}
        first = -(-(block.start + block.before) // WINDOW)
        heard, warm = _heard(block, first * WINDOW - block.start)
        if len(heard) <= warm:
            return {}
        probability = self._silero(heard)
        active = _hysteresis(probability)
        ticks = np.arange(first, first + len(heard) - warm, dtype=np.int64)
        return {
            "probability": Series(ticks, _WINDOW_SECONDS, probability[warm:].copy()),
            "active": Series(ticks, _WINDOW_SECONDS, active[warm:].copy()),
        }


def _heard(block: AudioBlock, offset: int) -> tuple[_Floats, int]:
    """Windows of the tile and what came before it; how many of them are warm-up.

    `offset` is where the tile's first window begins in the block.
    """
    warm = offset // WINDOW
    sound = np.where(block.covered, block.samples[0], 0)[: block.own.stop]
    return windows(sound, offset - warm * WINDOW), warm


def _hysteresis(probability: _Floats) -> _Floats:
    """1 from the first value of at least `_START` until one below `_STOP`."""
    active = np.zeros(len(probability), np.float32)
    on = False
    for index, value in enumerate(probability.tolist()):
        on = value >= _START or (on and value >= _STOP)
        active[index] = on
    return active
