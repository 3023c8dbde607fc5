"""How clean a voice sounds: what noise, music, echo and poor microphones take from speech."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import AudioBlock, AudioNeed, ClipSeries, Need, Tile, Weight
from curator.infer.onnx import open_session
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.span import Span

__all__ = ["Voice"]

_Floats: TypeAlias = npt.NDArray[np.float32]

_RATE_HZ = 16_000
_INPUT = 144_160
"""Samples of the network's input: 9.01 s."""
_AROUND = Fraction(2)
"""Seconds heard to each side of a value's time."""
_STEP = 2
"""Seconds from one value to the next; they lie at 1, 3, 5 ..."""
_LEAST_SECONDS = 1
_SILENT = 1e-4
"""Root mean square (-80 dBFS) below which nothing is there to be judged."""

_DNSMOS = Weight(
    name="dnsmos-p835",
    url="pypi://speechmos==0.0.1.1!/speechmos/dnsmos_models/sig_bak_ovr.onnx",
    sha256="269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd",
    license="MIT",
    source="Microsoft, DNSMOS P.835 (DNS Challenge), wheel speechmos 0.0.1.1",
)

_TO_MOS = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)
"""Polynomials, highest power first, that carry each output of the network to the scale of listeners; Microsoft's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What listeners would say of the speech: its signal, its background, and all in all.

    Mean opinion scores of ITU-T P.835, from 1 (bad; very intrusive) to 5 (excellent; not noticeable),
    as DNSMOS predicts them. There is one every 2 s. It hears the 4 s around, cut to where the stream has
    sound and repeated to the 9 s that the network wants: against one look at 9 s of fluent speech,
    the median of `overall` differs by less than 0.3, and is up to 0.6 lower where somebody pauses for
    long. Less than a second of sound, or silence, has no value. `background` is also the measure
    of music and noise under a voice: no other is needed for that.

    Typical: `overall` 2.9..3.4 for a talking head recorded with care, 1.8..2.5 for a telephone in a bare
    room, 2.5 with white noise 20 dB below the voice, 2.0 at 10 dB, 1.4..1.6 at 0 dB, 1.0..1.3 for
    music, rain and wind alone; 2.6 for a radio speech of 1961. `background` 3.5..4.1 for a quiet
    room, 2.0..3.0 with audible noise, below 2 where it competes with the voice.
    What fools it: a pause reads as a poor voice, so ask the 90th percentile or the median of a clip;
    whispering, singing and voices of children score low; old recordings do, however clear; it
    says nothing about who speaks or what. The first and last value of a clip hear a second or two
    of what lies beside it.
    Source: Reddy, Gopal and Cutler, "DNSMOS P.835", ICASSP 2022. Weights and constants MIT
    (Microsoft); own code around them.
    """

    name: ClassVar[str] = "voice"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "audio"
    cost: ClassVar[float] = 0.12
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="signal", unit="MOS", about="how natural the speech itself is, 1 to 5"),
        SeriesSpec(name="background", unit="MOS", about="how little noise intrudes, 1 to 5"),
        SeriesSpec(name="overall", unit="MOS", about="how good it is all in all, 1 to 5"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    @property
    def needs(self) -> Mapping[str, Need]:
        """Mono sound at 16 kHz, with a second before and after."""
        beside = _AROUND - Fraction(_STEP, 2)
        need = AudioNeed(sample_rate_hz=_RATE_HZ, before_seconds=beside, after_seconds=beside)
        return {"audio": need}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """Microsoft's network."""
        return (_DNSMOS,)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the network.

        Raises:
            MeasureError: ``extra-missing`` without onnxruntime, ``weights-unreadable`` when the file is
                no network.
        """
        return _Running(open_session(weights[_DNSMOS.name], wanted_by="voice", extra="audio"))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        return {}


class _Running:
    def __init__(self, session: Any) -> None:
        self._session = session

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.audio.get("audio")
        seconds = _times(tile.span)
        if block is None or not seconds:
            return {}
        scores = np.full((len(seconds), len(_TO_MOS)), np.nan, np.float32)
        for row, second in enumerate(seconds):
            heard = _around(block, second)
            if heard is not None:
                scores[row] = self._score(heard)
        ticks = np.array(seconds, np.int64)
        return {
            spec.name: Series(ticks, Fraction(1), scores[:, k].copy())
            for k, spec in enumerate(Voice.series)
        }

    def _score(self, heard: _Floats) -> list[float]:
        """One window at a time: a batch is no faster on one thread, and needs the memory of all."""
        window = np.resize(heard, _INPUT)[None]
        raw = self._session.run(None, {"input_1": window})[0][0]
        return [
            float(np.clip(np.polyval(to_mos, one), 1, 5))
            for to_mos, one in zip(_TO_MOS, raw.tolist(), strict=True)
        ]


def _times(span: Span) -> list[int]:
    """The odd seconds of a tile."""
    first = int(span.start) + _STEP // 2
    return [second for second in range(first, first + 4, _STEP) if second < span.end]


def _around(block: AudioBlock, second: int) -> _Floats | None:
    """What is heard around a time; None where that is too little or silent."""
    middle, reach = second * _RATE_HZ - block.start, int(_AROUND) * _RATE_HZ
    part = slice(max(0, middle - reach), middle + reach)
    heard = block.samples[0, part][block.covered[part]]
    if len(heard) < _LEAST_SECONDS * _RATE_HZ or float(np.sqrt(np.mean(heard**2))) < _SILENT:
        return None
    clipped: _Floats = np.clip(heard, -1, 1).astype(np.float32)
    return clipped
