"""Released clips, decoded again: what a reader of a data set gets, so that it can be checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.error import EOFError as AvEOFError
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from curator.errors import MediaError
from curator.media.safety import Limits, open_media
from curator.media.sound import resampled

__all__ = ["Likeness", "WrittenSound", "WrittenVideo", "compare_sound", "read_clip"]

_REACH_SECONDS = 0.75
"""Lags beyond this are not looked for."""
_SILENCE = 1e-4
"""Root mean square below which sound tells nothing."""
_AS_GOOD = 0.995
"""Of the best match: among lags as good as that, as in a steady tone, the smallest counts."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class WrittenSound:
    """A decoded sound track."""

    start_seconds: Fraction
    """Time of the first sample in the file."""
    samples: Samples
    """``(channels, n)``."""
    sample_rate_hz: int

    @property
    def seconds(self) -> Fraction:
        """How long it sounds."""
        return Fraction(self.samples.shape[1], self.sample_rate_hz)


@dataclass(frozen=True, slots=True, eq=False)
class WrittenVideo:
    """Everything that decodes of one clip file."""

    width_px: int
    height_px: int
    times: tuple[Fraction, ...]
    """Of each picture, in order of display, seconds."""
    end_seconds: Fraction
    """Time of the last picture plus its duration."""
    head: tuple[npt.NDArray[np.uint8], ...]
    """``(h, w)`` luma of the first pictures."""
    last: npt.NDArray[np.uint8] | None
    """``(h, w)`` luma of the last picture; None where there is none."""
    sound: WrittenSound | None
    damaged: int
    """Packets that no decoder took."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How one sound goes with another."""

    late_seconds: float
    """How late the second is against the first."""
    match: float
    """1 when they are the same but for loudness, near 0 when they have nothing in common."""


def read_clip(data: bytes, *, head: int = 1, limits: Limits | None = None) -> WrittenVideo:
    """Decode a clip file (MP4 or FLAC) as a whole, keeping the luma of the first `head` pictures.

    Raises:
        MediaError: what `open_media` raises, and ``nothing-decodes``.
    """
    with TemporaryDirectory(prefix="curator-verify-") as folder:
        path = Path(folder, "clip")
        path.write_bytes(data)
        return _read(path, head, limits or Limits())


def compare_sound(first: WrittenSound, second: WrittenSound) -> Likeness | None:
    """The lag at which two sounds go together best; None when one of them is silent.

    Both are taken as one channel, from their first samples on. Normalised cross-correlation,
    with the peak interpolated.
    """
    a, b = first.samples.mean(axis=0), second.samples.mean(axis=0)
    rate = min(first.sample_rate_hz, second.sample_rate_hz)
    if first.sample_rate_hz != rate:
        a = resampled(a[None], first.sample_rate_hz, rate)[0]
    if second.sample_rate_hz != rate:
        b = resampled(b[None], second.sample_rate_hz, rate)[0]
    if not len(a) or not len(b) or min(_rms(a), _rms(b)) < _SILENCE:
        return None
    size = 1 << (len(a) + len(b) - 1).bit_length()
    spectrum = np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size)
    curve = np.fft.irfft(spectrum, size) / (np.linalg.norm(a) * np.linalg.norm(b))
    reach = min(round(_REACH_SECONDS * rate), size // 2 - 1)
    lags = np.arange(-reach, reach + 1)
    curve = curve[lags % size]
    peaks = np.flatnonzero((curve[1:-1] >= curve[:-2]) & (curve[1:-1] >= curve[2:])) + 1
    if not len(peaks):
        return None
    good = peaks[curve[peaks] >= _AS_GOOD * curve[peaks].max()]
    at = int(good[np.argmin(np.abs(lags[good]))])
    below, top, above = curve[at - 1 : at + 2]
    bend = below - 2 * top + above
    shift = 0.5 * (below - above) / bend if bend < 0 else 0.0
    return Likeness(float(lags[at] + shift) / rate, float(top))


def _rms(values: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _samples(frame: AudioFrame) -> Samples:
    """``(channels, n)`` of what AAC (planar floats) and FLAC (interleaved integers) give."""
    raw: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, len(frame.layout.channels)).T
    if raw.dtype.kind == "f":
        return raw.astype(np.float32)
    return raw.astype(np.float32) / np.float32(2 ** (8 * raw.dtype.itemsize - 1))


def _luma(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8)


class _Reading:
    def __init__(self, head: int) -> None:
        self.head = head
        self.pictures: list[tuple[Fraction, Fraction, npt.NDArray[np.uint8] | None]] = []
        self.latest: tuple[Fraction, VideoFrame] | None = None
        self.size = (0, 0)
        self.blocks: list[Samples] = []
        self.start: Fraction | None = None
        self.rate = 0
        self.damaged = 0

    def take(self, packet: Packet[Any]) -> None:
        try:
            frames: Sequence[object] = packet.decode()
        except AvEOFError:
            return
        except FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
            if isinstance(frame, VideoFrame):
                self._picture(frame)
            elif isinstance(frame, AudioFrame):
                self._sound(frame)

    def _picture(self, frame: VideoFrame) -> None:
        tick = frame.time_base or Fraction(0)
        luma = None
        if len(self.pictures) < self.head:
            luma = _luma(frame)
        self.size = (frame.width, frame.height)
        time = (frame.pts or 0) * tick
        if self.latest is None or time > self.latest[0]:
            self.latest = time, frame
        self.pictures.append((time, (frame.duration or 0) * tick, luma))
        self.damaged += frame.is_corrupt

    def _sound(self, frame: AudioFrame) -> None:
        if frame.samples == 0:
            return
        if self.start is None:
            self.start = (frame.pts or 0) * (frame.time_base or Fraction(0))
        self.rate = frame.sample_rate
        self.blocks.append(_samples(frame))


def _read(path: Path, head: int, limits: Limits) -> WrittenVideo:
    reading = _Reading(head)
    with open_media(path, limits=limits) as container:
        wanted = [*container.streams.video[:1], *container.streams.audio[:1]]
        try:
            for packet in container.demux(*wanted):
                reading.take(packet)
        except FFmpegError:
            reading.damaged += 1
    if not reading.pictures and not reading.blocks:
        raise MediaError("nothing of it can be decoded", reason="nothing-decodes")
    sound = None
    if reading.blocks and reading.start is not None:
        samples = np.concatenate(reading.blocks, axis=1)
        sound = WrittenSound(reading.start, samples, reading.rate)
    reading.pictures.sort(key=lambda one: one[0])
    end = sum(reading.pictures[-1][:2], Fraction(0)) if reading.pictures else Fraction(0)
    return WrittenVideo(
        width_px=reading.size[0],
        height_px=reading.size[1],
        times=tuple(time for time, _, _ in reading.pictures),
        end_seconds=end,
        last=None if reading.latest is None else _luma(reading.latest[1]),
        head=tuple(luma for _, _, luma in reading.pictures if luma is not None),
        sound=sound,
        damaged=reading.damaged,
    )
