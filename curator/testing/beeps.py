"""Flash-and-beep films with a known offset of sound against pictures, and how to find it again.

    made = make_beeps(path, offset=Fraction(-1, 4), fps=Fraction(25), audio_codec="libopus")
    heard = measure_file(path)
    heard.skews()      # one number for each flash and its beep: -0.25 s, to a fraction of a millisecond

A flash is a white frame. A beep is a chirp that begins exactly `offset` after the flash's first frame
is shown; it is found by a matched filter, to about 10 microseconds.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from curator.testing.footage import Gray, Part, frame_times, make_video

__all__ = ["Beeps", "Measured", "find_beeps", "make_beeps", "measure_file"]

Samples = npt.NDArray[np.float32]

_CHIRP_SECONDS = 0.02
_CHIRP_HERTZ = (1000.0, 6000.0)
_SPACING_SECONDS = (1.2, 1.45, 1.3, 1.6)
"""More than twice the largest offset apart, so that each beep has one flash that is nearest."""
_FIRST_SECONDS = 0.9
_PAIR_SECONDS = 0.58
_DARK = 0.2
_LEVEL = 0.5
_RUN_SECONDS = 0.003
"""Time stamps that differ from the count of samples by more begin a new run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beeps:
    """What a film was made of."""

    flashes: tuple[Fraction, ...]
    """When each flash begins, seconds after the first frame."""
    offset: Fraction
    """Beep minus flash, seconds: positive when the sound is late."""
    times: tuple[Fraction, ...]
    """Presentation times of all frames, the end of the last appended."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """Flashes and beeps as a player shows them, seconds of the file's clock."""

    flashes: tuple[float, ...]
    beeps: tuple[float, ...]
    first_picture: float | None
    end_of_pictures: float | None
    """Time of the last picture plus its duration."""
    num_pictures: int
    first_sample: float | None
    end_of_sound: float | None
    num_samples: int
    damaged: int
    """Packets that no decoder took."""

    def skews(self) -> list[float]:
        """Beep minus flash for each flash with a beep near it."""
        found = []
        for flash in self.flashes:
            nearest = min((beep - flash for beep in self.beeps), key=abs, default=None)
            if nearest is not None and abs(nearest) <= _PAIR_SECONDS:
                found.append(nearest)
        return found


def make_beeps(
    path: Path,
    *,
    offset: Fraction,
    fps: Fraction = Fraction(25),
    seconds: float = 12,
    audio_rate: int = 48000,
    shift_container: bool = False,
    flash_frames: int = 1,
    vfr: Sequence[int] | None = None,
    **how: Any,
) -> Beeps:
    """Write a film whose beeps come `offset` seconds after its flashes.

    With `shift_container` the sound's own samples go with the flashes, and the container says that the
    stream begins `offset` later; else both streams begin together. A flash is `flash_frames` white
    frames. Other arguments: see `make_video`.
    """
    times = frame_times([_dark(seconds)], fps, vfr)
    chosen = _flash_frames(times)
    flashes = tuple(times[i] for i in chosen)
    within = Fraction(0) if shift_container else offset
    samples = _beeping([t + within for t in flashes], float(times[-1]), audio_rate)
    make_video(
        path,
        [_dark(seconds, frozenset(i + k for i in chosen for k in range(flash_frames)))],
        fps=fps,
        size=how.pop("size", (160, 96)),
        vfr=vfr,
        audio=samples,
        audio_rate=audio_rate,
        audio_offset=offset if shift_container else Fraction(0),
        **how,
    )
    return Beeps(flashes=flashes, offset=offset, times=tuple(times))


def measure_file(file: Path | bytes) -> Measured:
    """Decode the first video and the first audio stream as a player does; damaged packets are skipped."""
    with av.open(io.BytesIO(file) if isinstance(file, bytes) else str(file), "r") as container:
        wanted = [*container.streams.video[:1], *container.streams.audio[:1]]
        pictures: list[tuple[float, float, float]] = []
        runs, damaged = _Runs(), 0
        for packet in container.demux(wanted):
            try:
                frames = packet.decode()
            except FFmpegError:
                damaged += 1
                continue
            for frame in frames:
                if isinstance(frame, av.VideoFrame):
                    pictures.append(_picture(frame))
                elif isinstance(frame, av.AudioFrame):
                    runs.add(frame)
    pictures.sort()
    beeps, first, end, count = runs.found()
    return Measured(
        flashes=tuple(_onsets(pictures)),
        beeps=beeps,
        first_picture=pictures[0][0] if pictures else None,
        end_of_pictures=pictures[-1][0] + pictures[-1][1] if pictures else None,
        num_pictures=len(pictures),
        first_sample=first,
        end_of_sound=end,
        num_samples=count,
        damaged=damaged,
    )


def find_beeps(samples: Samples, rate: int) -> list[float]:
    """Onsets of the chirps in ``(n,)`` samples, seconds from the first sample, below a sample exact."""
    template = _chirp(np.arange(round(_CHIRP_SECONDS * rate)) / rate)
    length = len(samples) + len(template)
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(samples.astype(np.float64), size)
    match = np.fft.irfft(spectrum * np.conj(np.fft.rfft(template, size)), size)
    # A chirp cut off at the file's start matches at negative lags: no onset of it is in the file.
    match = match[: max(0, len(samples))] / float(template @ template)
    found: list[float] = []
    quiet = round(0.1 * rate)
    for peak in np.flatnonzero(match > _LEVEL / 2):
        low, high = max(0, peak - quiet), peak + quiet
        if match[peak] == match[low:high].max() and 0 < peak < len(match) - 1:
            a, b, c = match[peak - 1 : peak + 2]
            found.append((peak + 0.5 * (a - c) / (a - 2 * b + c)) / rate)
    return found


def _dark(seconds: float, flashes: frozenset[int] = frozenset()) -> Part:
    def paint(_share: float, frame: int, height: int, width: int) -> Gray:
        # A little moves, so that encoders have a reason for B-frames.
        picture = np.full((height, width), _DARK, np.float32)
        picture[height // 3 : height // 2, (3 * frame) % width :][:, :8] = 0.35
        return np.ones_like(picture) if frame in flashes else picture

    return Part(Fraction(seconds).limit_denominator(1000), paint)


def _flash_frames(times: Sequence[Fraction]) -> list[int]:
    chosen, wanted, k = [], _FIRST_SECONDS, 0
    while wanted < float(times[-1]) - _FIRST_SECONDS:
        chosen.append(int(np.searchsorted(np.array(times, dtype=float), wanted)))
        wanted += _SPACING_SECONDS[k % len(_SPACING_SECONDS)]
        k += 1
    return chosen


def _chirp(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The beep at times after its onset, seconds; zero outside it."""
    low, high = _CHIRP_HERTZ
    phase = 2 * np.pi * (low * t + (high - low) * t**2 / (2 * _CHIRP_SECONDS))
    window = np.sin(np.pi * np.clip(t / _CHIRP_SECONDS, 0, 1)) ** 2
    return np.asarray(_LEVEL * window * np.sin(phase))


def _beeping(onsets: Sequence[Fraction], seconds: float, rate: int) -> Samples:
    t = np.arange(round(seconds * rate)) / rate
    out = np.zeros(len(t))
    for onset in onsets:
        first = max(0, int(onset * rate) - 1)
        last = max(0, int((float(onset) + _CHIRP_SECONDS) * rate) + 2)
        out[first:last] += _chirp(t[first:last] - float(onset))
    return out.astype(np.float32)


def _picture(frame: av.VideoFrame) -> tuple[float, float, float]:
    """Time, duration, mean luma."""
    assert frame.pts is not None, "test films have time stamps"
    assert frame.time_base is not None, "decoded frames have a time base"
    tick = float(frame.time_base)
    level = float(frame.to_ndarray(format="gray").mean())
    return frame.pts * tick, (frame.duration or 0) * tick, level


def _onsets(pictures: Sequence[tuple[float, float, float]]) -> list[float]:
    """When the picture turns white."""
    white = [level > 150 for _, _, level in pictures]
    return [
        pictures[i][0] for i in range(len(pictures)) if white[i] and (i == 0 or not white[i - 1])
    ]


class _Runs:
    """Sound as unbroken runs of samples. Time stamps may be rounded to a millisecond; counting is exact."""

    def __init__(self) -> None:
        self._rate = 0
        self._runs: list[tuple[list[float], list[npt.NDArray[np.float32]]]] = []
        self._counted = 0

    def add(self, frame: av.AudioFrame) -> None:
        if frame.samples == 0 or frame.pts is None or frame.time_base is None:
            return
        self._rate = frame.sample_rate
        time = float(frame.pts * frame.time_base)
        if self._runs:
            start = float(np.median(self._runs[-1][0]))
            if abs(time - start - self._counted / self._rate) > _RUN_SECONDS:
                self._runs.append(([], []))
                self._counted = 0
        else:
            self._runs.append(([], []))
        starts, blocks = self._runs[-1]
        starts.append(time - self._counted / self._rate)
        blocks.append(_mono(frame))
        self._counted += frame.samples

    def found(self) -> tuple[tuple[float, ...], float | None, float | None, int]:
        """Onsets of beeps, first instant, end, number of samples."""
        beeps: list[float] = []
        first = end = None
        count = 0
        for starts, blocks in self._runs:
            start, samples = float(np.median(starts)), np.concatenate(blocks)
            beeps += [start + onset for onset in find_beeps(samples, self._rate)]
            first = start if first is None else first
            end = start + len(samples) / self._rate
            count += len(samples)
        return tuple(beeps), first, end, count


def _mono(frame: av.AudioFrame) -> npt.NDArray[np.float32]:
    channels = len(frame.layout.channels)
    raw: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, channels).T
    scale = 1.0 if raw.dtype.kind == "f" else float(2 ** (8 * raw.dtype.itemsize - 1))
    return np.asarray(raw.mean(axis=0) / scale, dtype=np.float32)
