"""How loud the sound is, where it clips, and where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import AudioBlock, AudioNeed, ClipSeries, Need, Tile, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator.model.span import Span

__all__ = ["Loudness"]

_Floats: TypeAlias = npt.NDArray[np.float64]
_Samples: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """Loudness, peaks, clipping and silence of the first audio stream, in windows of 100 ms.

    `level` is the K-weighted loudness of the window (LUFS), `integrated_lufs` the gated loudness of
    the clip: 400 ms blocks that overlap by three quarters, an absolute gate at -70 LUFS and a
    relative one 10 LU below. Surround channels weigh 1.41 and the LFE nothing when the stream has
    5.1 or 7.1 channels in the usual order. `peak` is the highest sample, not the true peak between
    samples. Where the stream has no sound (late start, damage) the sound is silence, as a player
    would have it; digital silence is reported as -120, the floor of all levels.
    Typical: speech -30..-14 LUFS, broadcast -23, streaming -14; `peak_dbfs` -6..-1; `clipped_share`
    0, above 1e-4 audible; `silent_share` 0..0.4 in speech, 1 for a muted track.
    What fools it: music and noise are as loud as speech (see `speech`); clipping that was turned
    down or compressed afterwards no longer lies at full scale; a stream that begins late counts as
    silent. A clip without 400 ms above the gate has no integrated loudness.
    Source: ITU-R BS.1770-4; filters by the analogue prototypes of libebur128 (MIT), which give the
    standard's coefficients at 48 kHz. Own code, no weights.
    """

    name: ClassVar[str] = "loudness"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0005
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="level", unit="LUFS", about="K-weighted loudness of 100 ms"),
        SeriesSpec(name="peak", unit="dBFS", about="highest sample of 100 ms"),
        SeriesSpec(name="clipped", unit="ratio", about="share of samples in runs at full scale"),
        SeriesSpec(
            name="silent", unit="ratio", about="1 when the window is below `silent_below_dbfs`"
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="integrated_lufs", unit="LUFS", about="gated loudness of the clip"),
        SignalSpec(name="peak_dbfs", unit="dBFS", about="highest sample of the clip"),
        SignalSpec(name="clipped_share", unit="ratio", about="share of samples clipped"),
        SignalSpec(name="silent_share", unit="ratio", about="share of the clip that is silent"),
    )

    silent_below_dbfs: float = -60.0
    """A window whose highest sample lies below is silent."""

    @property
    def needs(self) -> Mapping[str, Need]:
        around = AudioNeed(
            mono=False, before_seconds=Fraction(1, 4), after_seconds=Fraction(1, 100)
        )
        return {"sound": around}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        assert not weights
        return _Running(self.silent_below_dbfs)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        level = clip.series.get("level")
        if level is None or not len(level):
            reason = "too-short" if clip.video.audio else "no-audio"
            return {spec.name: Signal(None, absent=reason) for spec in self.signals}
        mean = {
            name: float(clip.series[name].values.astype(np.float64).mean())
            for name in ("clipped", "silent")
        }
        return {
            "integrated_lufs": _integrated(level.values.astype(np.float64)),
            "peak_dbfs": Signal(float(clip.series["peak"].values.astype(np.float64).max())),
            "clipped_share": Signal(mean["clipped"]),
            "silent_share": Signal(mean["silent"]),
        }


_HOP = Fraction(1, 10)
_FLOOR = -120.0
_OFFSET = -0.691  # so that a 0 dBFS sine of 997 Hz in one channel reads -3.01 LUFS
_BLOCK = 4  # hops: 400 ms
_GATE_LUFS, _GATE_LU = -70.0, -10.0
_FULL_SCALE = 0.999
_CLIP_RUN = 3  # samples
_SURROUND = {
    5: (1, 1, 1, 1.41, 1.41),
    6: (1, 1, 1, 0, 1.41, 1.41),
    8: (1, 1, 1, 0, 1, 1, 1.41, 1.41),
}


class _Running:
    def __init__(self, silent_below_dbfs: float) -> None:
        self._silent = silent_below_dbfs

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.audio.get("sound")
        if block is None:
            return {}
        ticks, edges = _windows(tile.span, block)
        samples = np.where(block.covered, block.samples, np.float32(0))
        lengths = np.maximum(np.diff(edges), 1)
        # Sums over windows: reduceat wants every start inside the array, and windows may be cut off.
        level = _decibels(_power(samples, block.sample_rate_hz), edges, lengths)
        high = np.abs(samples).max(axis=0, initial=0.0)
        peak = _peaks(high, edges)
        clipped = _clipped(high, edges) / lengths
        values = (level, peak, clipped, peak < self._silent)
        return {
            spec.name: Series(ticks, _HOP, np.asarray(column, np.float32))
            for spec, column in zip(Loudness.series, values, strict=True)
        }


def _windows(span: Span, block: AudioBlock) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Times of the windows that start in the tile, in tenths of a second, and their sample borders."""
    first, last = -(-span.start // _HOP), -(-span.end // _HOP)
    ticks = np.arange(first, last, dtype=np.int64)
    # Whole numbers, so that a window has the same samples in every tile: 11 025 Hz has 1102.5 per hop.
    borders = np.arange(first, last + 1, dtype=np.int64) * block.sample_rate_hz // _HOP.denominator
    return ticks, np.clip(borders - block.start, 0, block.samples.shape[1])


def _power(samples: _Samples, rate: int) -> _Floats:
    """K-weighted power of every sample, channels weighted and summed, ``(n,)``."""
    channels, n = samples.shape
    weights = _SURROUND.get(channels, (1,) * channels)
    total = np.zeros(n)
    for weight, channel in zip(weights, samples, strict=True):
        if weight and channel.any():
            total += weight * np.square(_filtered(channel, rate), dtype=np.float64)
    return total


def _filtered(channel: _Samples, rate: int) -> _Samples:
    """K-weighted samples ``(n,)``, by overlap and save; the filter starts at rest."""
    ring = rate // 16  # the high-pass has died away by 130 dB
    size = 1 << (4 * ring).bit_length()
    hop = size - ring
    count = -(-len(channel) // hop)
    padded = np.zeros(ring + count * hop, np.float32)
    padded[ring : ring + len(channel)] = channel
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    spectra = np.fft.rfft(windows, axis=1) * _k_weighting(rate, size)
    kept = np.fft.irfft(spectra, size, axis=1)[:, ring:].ravel()[: len(channel)]
    return np.asarray(kept, np.float32)


@lru_cache(maxsize=4)
def _k_weighting(rate: int, size: int) -> npt.NDArray[np.complex64]:
    """Response of both filters at the frequencies of an FFT of `size` samples."""
    angle = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = np.ones(len(angle), np.complex128)
    for b, a in _biquads(rate):
        response *= (b[0] + angle * (b[1] + angle * b[2])) / (a[0] + angle * (a[1] + angle * a[2]))
    return response.astype(np.complex64)


def _biquads(rate: int) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    """Head shelf and high-pass of BS.1770 at any rate, as (b, a)."""
    k = np.tan(np.pi * min(1681.974450955533 / rate, 0.49))
    gain, q = 10 ** (3.999843853973347 / 20), 0.7071752369554196
    middle = gain**0.4996667741545416
    shelf = (
        (gain + middle * k / q + k * k, 2 * (k * k - gain), gain - middle * k / q + k * k),
        (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k),
    )
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    norm = 1 + k / q + k * k
    # The standard's high-pass has the numerator 1, -2, 1 whatever its denominator.
    high = ((norm, -2 * norm, norm), (norm, 2 * (k * k - 1), 1 - k / q + k * k))
    return shelf, high


def _clipped(high: _Samples, edges: npt.NDArray[np.int64]) -> _Floats:
    """Clipped samples of each window."""
    full = high >= _FULL_SCALE
    return _window_sums(_in_runs(full), edges) if full.any() else np.zeros(len(edges) - 1)


def _window_sums(values: npt.NDArray[np.generic], edges: npt.NDArray[np.int64]) -> _Floats:
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    sums: _Floats = total[edges[1:]] - total[edges[:-1]]
    return sums


def _decibels(
    power: _Floats, edges: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> _Floats:
    # Each window by itself: differences of a running sum would lose what is quiet behind what is loud.
    sums = np.array([power[a:b].sum() for a, b in pairwise(edges)])
    mean = np.maximum(sums / lengths, 10 ** ((_FLOOR - _OFFSET) / 10))
    return np.maximum(_OFFSET + 10 * np.log10(mean), _FLOOR)


def _peaks(high: _Samples, edges: npt.NDArray[np.int64]) -> _Floats:
    peaks = [high[a:b].max(initial=0.0) for a, b in pairwise(edges)]
    return 20 * np.log10(np.maximum(np.array(peaks, np.float64), 10 ** (_FLOOR / 20)))


def _in_runs(full: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Members of runs of three or more."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    kept = np.zeros(len(full), np.bool_)
    for start, end in zip(starts, ends, strict=True):
        kept[start:end] = end - start >= _CLIP_RUN
    return kept


def _integrated(level: _Floats) -> Signal:
    """Two-stage gated mean over blocks of four windows."""
    if len(level) < _BLOCK:
        return Signal(None, absent="too-short")
    power = 10 ** ((level - _OFFSET) / 10)
    blocks = np.convolve(power, np.full(_BLOCK, 1 / _BLOCK), mode="valid")
    loud = blocks[_lufs(blocks) > _GATE_LUFS]
    if not len(loud):
        return Signal(None, absent="silent")
    loud = loud[_lufs(loud) > _lufs(loud.mean()) + _GATE_LU]
    return Signal(float(_lufs(loud.mean())))


def _lufs(power: _Floats) -> _Floats:
    return np.asarray(_OFFSET + 10 * np.log10(power))
