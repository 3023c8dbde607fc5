"""Windows of samples as arrays: the frames and the sound that a window holds, and little else decoded.

Decoding begins at the keyframe before the window. On the way to it, frames that no other frame
refers to are never given to the decoder, and after its last frame nothing is.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import CodecContext, ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from curator.errors import MediaError
from curator.media.ahead import ahead
from curator.media.mp4 import ClipIndex, Read
from curator.media.paint import PictureSize, Pixels, Planes, Rgb

__all__ = [
    "PictureSize",
    "Pixels",
    "SoundInfo",
    "decode_pictures",
    "decode_planes",
    "decode_sound",
    "decoded_frames",
]

Room: TypeAlias = Callable[[tuple[int, ...]], Pixels]
"""A shape to an array with any content."""
Samples: TypeAlias = npt.NDArray[np.float32]

_SLICE_TYPES = (1, 5)
_WAITING_FRAMES = 4
_IDLE_DECODERS = 4
"""At 720p each holds some 10 MiB."""
_WARM_SAMPLES = 8192
"""Two blocks: FLAC blocks stand alone, so a seek that lands one early is already exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundInfo:
    """What the header of a sound track says."""

    sample_rate_hz: int
    channels: int


def decode_pictures(
    index: ClipIndex,
    read: Read,
    frames: Sequence[int] | npt.NDArray[np.int64],
    *,
    size: PictureSize | None = None,
    room: Room | None = None,
    beside: bool = False,
) -> Pixels:
    """``(len(frames), 3, h, w)`` RGB of frames by their number, ascending; one may come several times.

    Args:
        index: of the clip.
        read: gives parts of the clip.
        frames: which.
        size: what they are brought to; None keeps the clip's.
        room: makes the array, by its shape.
        beside: decode in a thread of its own, ahead of painting: for who has a core to spare.

    Raises:
        MediaError: ``clip-damaged`` when a frame does not decode.
    """
    painter = Rgb(index, size)
    out = (room or _fresh)((len(frames), *painter.shape))

    def paint(frame: VideoFrame, start: int, end: int) -> None:
        painter.paint(frame, out[start])
        out[start + 1 : end] = out[start]

    _paint(index, read, frames, paint, beside=beside)
    return out


def decode_planes(
    index: ClipIndex,
    read: Read,
    frames: Sequence[int] | npt.NDArray[np.int64],
    *,
    size: PictureSize | None = None,
    room: Room | None = None,
    chroma_room: Room | None = None,
    beside: bool = False,
) -> tuple[Pixels, Pixels, npt.NDArray[np.float32]]:
    """The same frames as the clip has them: luma, chroma at half the height and width, and the way to RGB.

    Returns:
        ``(len(frames), 1, h, w)`` luma, ``(len(frames), 2, h / 2, w / 2)`` chroma (Cb, Cr), and the
        ``(3, 4)`` matrix that takes ``(Y, Cb, Cr, 1)`` to red, green and blue in 0..255.

    Raises:
        MediaError: ``clip-damaged`` when a frame does not decode.
    """
    painter = Planes(index, size)
    luma = (room or _fresh)((len(frames), *painter.shape))
    chroma = (chroma_room or _fresh)((len(frames), *painter.chroma_shape))

    def paint(frame: VideoFrame, start: int, end: int) -> None:
        painter.paint(frame, luma[start], chroma[start])
        for array in (luma, chroma):
            array[start + 1 : end] = array[start]

    _paint(index, read, frames, paint, beside=beside)
    return luma, chroma, painter.to_rgb


def _fresh(shape: tuple[int, ...]) -> Pixels:
    return np.empty(shape, np.uint8)


def _paint(
    index: ClipIndex,
    read: Read,
    frames: Sequence[int] | npt.NDArray[np.int64],
    paint: Callable[[VideoFrame, int, int], None],
    *,
    beside: bool,
) -> None:
    """Decode frames and have each painted at its places, from one to another."""
    if not len(frames):
        return
    wanted, first, count = np.unique(
        np.asarray(frames, np.int64), return_index=True, return_counts=True
    )
    places = {
        int(index.ticks[f]): (int(at), int(at + n))
        for f, at, n in zip(wanted, first, count, strict=True)
    }
    decoded = decoded_frames(index, read, wanted)
    for frame in ahead(decoded, depth=_WAITING_FRAMES) if beside else decoded:
        paint(frame, *places.pop(int(frame.pts or 0)))
    if places:
        raise _damaged(f"{len(places)} of {len(wanted)} frames do not decode")


def decoded_frames(
    index: ClipIndex, read: Read, wanted: npt.NDArray[np.int64]
) -> Generator[VideoFrame, None, None]:
    """The frames with these numbers (ascending, each once), in order, and no others.

    Raises:
        MediaError: ``clip-damaged`` when the decoder refuses the data.
    """
    begin = index.entry(int(wanted[0]))
    turns = index.turn[wanted]
    end = int(turns.max()) + 1
    needed = np.zeros(end, bool)
    needed[turns] = True
    shown = np.empty(len(index), np.int64)
    shown[index.turn] = index.ticks
    ticks = {int(tick) for tick in index.ticks[wanted]}
    decoder = _IDLE.take(index.configuration)
    base = int(index.offsets[begin:end].min())
    last = int((index.offsets[begin:end] + index.sizes[begin:end]).max())
    data = memoryview(read(base, last - base))
    if len(data) != last - base:
        raise _damaged("the file ends before its last frame")
    try:
        for place in range(begin, end):
            start = int(index.offsets[place]) - base
            part = data[start : start + int(index.sizes[place])]
            if not needed[place] and _stands_alone(part):
                continue
            packet = Packet(bytes(part))
            packet.pts = int(shown[place])
            packet.time_base = index.time_base
            yield from (f for f in decoder.decode(packet) if f.pts in ticks)
        yield from (f for f in decoder.decode(None) if f.pts in ticks)
    except FFmpegError as error:
        raise _damaged(str(error)) from error
    _IDLE.give(index.configuration, decoder)


def decode_sound(data: bytes, start: int, count: int) -> tuple[Samples, SoundInfo]:
    """``(channels, n)`` samples from `start` on in [-1, 1]: `count`, or fewer at the end of the track.

    Raises:
        MediaError: ``clip-damaged`` when it is no sound track or does not decode.
    """
    try:
        with av.open(io.BytesIO(data), "r", format="flac") as container:
            context = container.streams.audio[0].codec_context
            info = SoundInfo(sample_rate_hz=context.sample_rate, channels=context.channels)
            if not info.sample_rate_hz:
                raise _damaged("no sound track")
            out = np.zeros((info.channels, count), np.float32)
            reached = _fill(container, out, start, info)
    except (FFmpegError, IndexError) as error:
        raise _damaged(f"the sound cannot be read: {error}") from error
    return out[:, :reached], info


def _fill(container: InputContainer, out: Samples, start: int, info: SoundInfo) -> int:
    """Decode into `out`; how much of it was reached."""
    stream = container.streams.audio[0]
    tick = stream.time_base or Fraction(1, info.sample_rate_hz)
    if start > _WARM_SAMPLES:
        at = Fraction(start - _WARM_SAMPLES, info.sample_rate_hz) / tick
        container.seek(int(at), stream=stream)
    count, reached = out.shape[1], 0
    for frame in container.decode(stream):
        begin = round((frame.pts or 0) * tick * info.sample_rate_hz) - start
        end = begin + frame.samples
        if end > 0:
            if begin > reached:
                raise _damaged("a hole in the sound")
            part = _floats(frame.to_ndarray(), info.channels, frame.format.bits)
            stop = min(end, count)
            out[:, max(0, begin) : stop] = part[:, max(0, -begin) : stop - begin]
            reached = max(reached, stop)
        if end >= count:
            break
    return reached


def _floats(values: npt.NDArray[np.generic], channels: int, bits: int) -> Samples:
    """``(channels, n)`` in [-1, 1]; FLAC gives integers of 16 or 32 bits, packed or by channel."""
    planes = values.reshape(-1, channels).T if len(values) != channels else values
    return planes.astype(np.float32) * np.float32(2.0 ** (1 - bits))


class _Idle:
    """Decoders between two windows. A new one begins by allocating its pictures, which costs several frames.

    Samples of one size and encoding have the same configuration. Who takes a decoder has it alone.
    """

    def __init__(self) -> None:
        self._held: list[tuple[bytes, VideoCodecContext]] = []

    def take(self, configuration: bytes) -> VideoCodecContext:
        """A decoder without a past."""
        for one in reversed(self._held):
            if one[0] == configuration:
                with suppress(ValueError):  # another thread was faster
                    self._held.remove(one)
                    return one[1]
        decoder = CodecContext.create("h264", "r")
        assert isinstance(decoder, VideoCodecContext), "h264 decodes pictures"
        decoder.extradata = configuration
        # Workers are many; a thread each is the most that a machine can use.
        decoder.thread_count = 1
        decoder.thread_type = ThreadType.NONE
        return decoder

    def give(self, configuration: bytes, decoder: VideoCodecContext) -> None:
        """Keep a decoder that has given all its frames; the oldest makes room."""
        decoder.flush_buffers()
        self._held.append((configuration, decoder))
        del self._held[:-_IDLE_DECODERS]


_IDLE = _Idle()


def _stands_alone(packet: memoryview) -> bool:
    """Whether no other frame refers to this one, by its first slice (``nal_ref_idc`` is 0)."""
    at = 0
    while at + 5 <= len(packet):
        header = packet[at + 4]
        if header & 31 in _SLICE_TYPES:
            return header >> 5 == 0
        at += 4 + int.from_bytes(packet[at : at + 4], "big")
    return False


def _damaged(what: str) -> MediaError:
    return MediaError(
        f"the clip is damaged: {what}",
        reason="clip-damaged",
        hint="check the release: `ReleaseFolder.damage()` compares every file with its digest",
    )
