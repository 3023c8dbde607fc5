"""Clips and tracks whose offset is known by construction."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from curator.abc.aligner import Hear, Pair
from curator.model.series import Series
from curator.model.span import Span
from curator.model.track import Cue, MotionTrack, NumberTrack, Skeleton, TextTrack, Track
from curator.testing.tiles import Footage, video_info

__all__ = ["cues", "grid", "hear", "numbers", "pair", "skeleton", "wave"]

Floats = npt.NDArray[np.float64]
_INFO = video_info(
    Footage(np.zeros((250, 90, 160), np.uint8), audio=np.zeros((1, 48_000), np.float32))
)
BEGIN, LENGTH = 3.0, 8.0


def wave(seconds: Floats, seed: int, low_hz: float = 0.3, high_hz: float = 2.0) -> Floats:
    """Something smooth that does not repeat, of about 1 either way."""
    rng = np.random.default_rng(seed)
    speed, phase = rng.uniform(low_hz, high_hz, 100), rng.uniform(0, 7, 100)
    height = rng.normal(size=100) / 10
    return np.asarray(np.sin(2 * np.pi * speed * np.asarray(seconds)[..., None] + phase) @ height)


def grid(per_second: int, begin: float = BEGIN - 2, length: float = LENGTH + 4) -> Floats:
    """Even times around the clip."""
    return begin + np.arange(round(length * per_second)) / per_second


def pair(
    series: Mapping[str, tuple[int, Floats]] | None = None,
    *,
    track: Track | None = None,
    heard: Hear | None = None,
    camera: Hear | None = None,
) -> Pair:
    """A clip from 3 to 11 s; series are ``(per second, values on `grid`)``."""
    made = {
        name: Series(
            np.round(grid(rate) * rate).astype(np.int64),
            Fraction(1, rate),
            values.astype(np.float32),
        )
        for name, (rate, values) in (series or {}).items()
    }
    span = Span(Fraction(BEGIN), Fraction(BEGIN + LENGTH))
    return Pair(span=span, video=_INFO, series=made, track=track, heard=heard, camera=camera)


def numbers(values: Floats, per_second: int, begin: float) -> NumberTrack:
    """A track of ``(n, fields)`` that begins at `begin`, to the nanosecond."""
    nano = np.round((begin + np.arange(len(values)) / per_second) * 1e9).astype(np.int64)
    return NumberTrack(series=Series(nano, Fraction(1, 10**9), values.astype(np.float32)))


def skeleton(
    positions: Floats, names: tuple[str, ...], per_second: int, begin: float
) -> MotionTrack:
    """A track of ``(n, joints, 3)``; the first joint is the root of all others."""
    nano = np.round((begin + np.arange(len(positions)) / per_second) * 1e9).astype(np.int64)
    return MotionTrack(
        ticks=nano,
        time_base=Fraction(1, 10**9),
        skeleton=Skeleton(joints=names, parents=(-1,) + (0,) * (len(names) - 1)),
        positions=positions.astype(np.float32),
    )


def cues(times: list[tuple[float, float]]) -> TextTrack:
    """One cue for each interval."""
    spans = [
        Span(Fraction(a).limit_denominator(10**6), Fraction(b).limit_denominator(10**6))
        for a, b in times
    ]
    return TextTrack(cues=tuple(Cue(span=span, text="so") for span in spans))


def hear(sound: Floats, rate: int, late: float = 0.0, gain: float = 1.0) -> Hear:
    """What is heard of a recording that begins at 0 s; band-limited shifts, so to any part of a sample."""
    frequency = np.fft.rfftfreq(len(sound), 1 / rate)
    moved = np.fft.irfft(np.fft.rfft(sound) * np.exp(-2j * np.pi * frequency * late), len(sound))

    def listen(span: Span, sample_rate_hz: int) -> npt.NDArray[np.float32]:
        assert sample_rate_hz == rate, "the recording is not resampled here"
        first, last = (round(at * rate) for at in (span.start, span.end))
        out = np.zeros(last - first)
        a, b = max(0, first), min(len(moved), last)
        out[a - first : b - first] = gain * moved[a:b]
        return out.astype(np.float32)

    return listen
