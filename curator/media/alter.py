"""The same footage, slightly changed: to see whether verdicts stand when nothing of substance differs."""

from __future__ import annotations

import enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from curator.errors import MediaError
from curator.media.safety import Limits, open_media

__all__ = ["Alteration", "alter"]

_BRIGHTER = 8
_CRF = {"reencoded": "30"}
_TIME_BASE = Fraction(1, 1000)


class Alteration(enum.Enum):
    """A change that should move no verdict far from its bound."""

    reencoded = "reencoded"
    """H.264 at crf 30: visible loss at a close look."""
    brighter = "brighter"
    """8 of 255 luma levels brighter."""
    smaller = "smaller"
    """Three quarters of width and height."""


def alter(path: Path, out: Path, alteration: Alteration, *, limits: Limits | None = None) -> None:
    """Write the first video stream, changed, and the first audio stream as it is, to a Matroska file.

    Frame times are kept to the millisecond. Damaged packets are left out.

    Raises:
        MediaError: when the file cannot be read or written.
    """
    try:
        with (
            open_media(path, limits=limits or Limits()) as source,
            av.open(str(out), "w", format="matroska") as sink,
        ):
            _copy(source, sink, alteration)
    except FFmpegError as error:
        raise MediaError(
            f"'{path.name}' cannot be altered: {error}", reason="alter-failed"
        ) from error


def _copy(source: InputContainer, sink: OutputContainer, alteration: Alteration) -> None:
    video = source.streams.video[0]
    size = _size(video, alteration)
    made = sink.add_stream("libx264", options={"crf": _CRF.get(alteration.value, "12")})
    made.width, made.height, made.pix_fmt = *size, "yuv420p"
    made.codec_context.time_base = made.time_base = _TIME_BASE
    wanted: list[Any] = [video]
    sound = None
    if source.streams.audio:
        sound = sink.add_stream_from_template(source.streams.audio[0])
        wanted.append(source.streams.audio[0])
    last = -1
    for packet in source.demux(*wanted):
        if packet.stream is not video:
            if packet.dts is not None and sound is not None:
                packet.stream = sound
                sink.mux(packet)
            continue
        for frame in _decoded(packet):
            if frame.pts is None or frame.time_base is None:
                continue
            pts = round(frame.pts * frame.time_base / _TIME_BASE)
            if pts <= last:
                continue
            last = pts
            changed = _changed(frame, size, alteration)
            changed.pts, changed.time_base = pts, _TIME_BASE
            sink.mux(made.encode(changed))
    sink.mux(made.encode(None))


def _decoded(packet: Any) -> list[VideoFrame]:
    try:
        frames: list[VideoFrame] = packet.decode()
    except FFmpegError:
        return []
    return frames


def _changed(frame: VideoFrame, size: tuple[int, int], alteration: Alteration) -> VideoFrame:
    frame = frame.reformat(*size, "yuv420p", interpolation=Interpolation.AREA)
    if alteration is not Alteration.brighter:
        return VideoFrame.from_ndarray(frame.to_ndarray(), "yuv420p")
    pixels = frame.to_ndarray()
    luma = pixels[: frame.height].astype(np.int16) + _BRIGHTER
    pixels[: frame.height] = np.clip(luma, 0, 255)
    return VideoFrame.from_ndarray(pixels, "yuv420p")


def _size(video: VideoStream, alteration: Alteration) -> tuple[int, int]:
    """Even width and height."""
    scale = 0.75 if alteration is Alteration.smaller else 1.0
    return max(2, round(video.width * scale / 2) * 2), max(2, round(video.height * scale / 2) * 2)
