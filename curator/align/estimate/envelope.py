"""The aligner `envelope`: sound from another recorder against the sound of the camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from curator.abc.aligner import Hear, Pair, TrackKind
from curator.align.estimate.activity import Activity, Floats
from curator.align.estimate.compare import Band, compare
from curator.align.estimate.phase import Fine, everywhere, refined
from curator.model.span import Span
from curator.model.sync import Offset

__all__ = ["Envelope"]

_BAND = Band(step_seconds=0.005, fine_seconds=0.005, coarse_seconds=0.25)
_RATE_HZ = 16_000
_HOP = 80
_RANGE_DB = 50.0
_FLOOR_DB = -100.0
_SILENT_DB = -85.0
_DOUBTFUL = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """How late a separate recording is, from the sound that the camera recorded as well.

    First the levels every 5 ms are correlated, which survives other microphones and rooms (where they say
    nothing, in rain or traffic, the waveforms are, everywhere); then, close to that, the waveforms by their phases alone (GCC-PHAT), window by window, which is exact to a
    fraction of a millisecond where both heard the same source. Their line over time is offset and drift.

    Typical: within 0.1 ms of a copy in any loudness or codec, 1 to 3 ms with another microphone (sound takes
    3 ms a metre: the offset is between the microphones, not between the clocks), within 5 ms by levels alone.
    What fools it: music that repeats (the confidence falls), a camera that recorded something else, a studio
    dub of the same text.
    Source: Knapp and Carter, "The generalized correlation method for estimation of time delay", IEEE TASSP
    24, 1976; envelopes as in `compare`.
    """

    name: ClassVar[str] = "envelope"
    version: ClassVar[int] = 1
    kinds: ClassVar[frozenset[TrackKind]] = frozenset({TrackKind.audio})
    measures: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    of_track: ClassVar[frozenset[str]] = frozenset()
    listens: ClassVar[bool] = True
    confidence: ClassVar[str] = (
        "standard deviations above the best lag of a wrong pair, of the levels: right pairs 10 to 60 from 4 s"
        " on, 4 and more in noise as loud as the sound; other recordings 0 +- 1"
    )

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        """How late the recording is. Absent: ``no-camera-sound``, ``no-sound``, ``silent`` ..."""
        if pair.camera is None:
            return Offset(seconds=None, absent="no-camera-sound")
        if pair.heard is None:
            return Offset(seconds=None, absent="no-sound")
        around = Fraction(ceil((2 * max_offset_seconds + 1) * _RATE_HZ), _RATE_HZ)
        wide = Span(pair.span.start - around, pair.span.end + around)
        camera, heard = _sound(pair.camera, pair.span), _sound(pair.heard, wide)
        levels = _levels(camera, pair.span.start), _levels(heard, wide.start)
        if any(one is None for one in levels):
            return Offset(seconds=None, absent="silent")
        seen, track = (one for one in levels if one is not None)
        lead = round(around * _RATE_HZ)
        coarse = compare(seen, track, _BAND, span=pair.span, max_offset_seconds=max_offset_seconds)
        if coarse.confidence < _DOUBTFUL:
            coarse = _by_waveforms(coarse, camera, heard, lead, max_offset_seconds)
        if coarse.seconds is None:
            return coarse
        fine = refined(
            camera, heard, lead, _RATE_HZ, seconds=coarse.seconds, drift=coarse.drift or 0.0
        )
        return _joined(coarse, fine, max_offset_seconds)


def _sound(hear: Hear, span: Span) -> npt.NDArray[np.float32]:
    return hear(span, _RATE_HZ)


def _levels(sound: npt.NDArray[np.float32], start: Fraction) -> Activity | None:
    """dB every 5 ms, rumble left out; NaN before the first and after the last sound; None without any."""
    there = np.flatnonzero(sound)
    if not len(there):
        return None
    steps = np.diff(sound.astype(np.float64), prepend=sound[:1])
    count = len(steps) // _HOP
    power = np.square(steps[: count * _HOP]).reshape(count, _HOP).mean(axis=1)
    level = 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DB / 10)))
    if not count or level.max() < _SILENT_DB:
        return None
    level = np.maximum(level, level.max() - _RANGE_DB)
    # Where a file has not begun or has ended nothing is known: that is no silence.
    level[: there[0] // _HOP] = np.nan
    level[there[-1] // _HOP + 1 :] = np.nan
    middles: Floats = float(start) + (np.arange(count) + 0.5) * _HOP / _RATE_HZ
    return Activity.of(middles, level)


def _by_waveforms(
    coarse: Offset,
    camera: npt.NDArray[np.float32],
    heard: npt.NDArray[np.float32],
    lead: int,
    most: float,
) -> Offset:
    """What the waveforms say at all offsets, where that is surer than what the levels say."""
    peak = everywhere(camera, heard, lead, _RATE_HZ, most_seconds=most)
    if peak is None or peak.confidence <= coarse.confidence:
        return coarse
    return Offset(
        seconds=peak.seconds,
        confidence=peak.confidence,
        drift=None if coarse.drift is None else 0.0,
    )


def _joined(coarse: Offset, fine: Fine | None, most: float) -> Offset:
    if fine is None or abs(fine.seconds) > most:
        return coarse
    drift = fine.drift if coarse.drift is not None else None
    return Offset(seconds=fine.seconds, confidence=coarse.confidence, drift=drift)
