"""What no container tells of compressed packets: do they cut all references, are they shown, how many pictures do they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from av.packet import Packet
from av.video.stream import VideoStream

__all__ = ["PackedPictures", "PacketTest", "hidden_test", "idr_test"]

PacketTest: TypeAlias = "Callable[[Packet[Any]], bool]"

_H264_IDR = 5
_VOP = b"\0\0\1\xb6"
_NOT_CODED_BYTES = 19
"""As FFmpeg has it: a picture of so few bytes is none."""


class PackedPictures:
    """MPEG-4 Part 2 as DivX and Xvid pack it: a P picture and the B picture before it in one packet.

    An empty picture comes after them, in whose place the P picture is shown. So as many are shown as
    there are packets, but the times of packets are not those of what they hold. An empty picture
    without one to be shown is a dropped frame.
    """

    def __init__(self) -> None:
        self.found = False
        """Whether any packet held two pictures."""
        self.dropped: list[bool] = []
        """For each packet, whether nothing is shown in its place; to be heeded where `found`."""
        self._waiting = 0

    def note(self, packet: Packet[Any]) -> None:
        """Take in the next packet, in file order."""
        data = bytes(packet)
        pictures = 0 if len(data) <= _NOT_CODED_BYTES else data.count(_VOP)
        self.found |= pictures > 1
        self.dropped.append(pictures == 0 and self._waiting == 0)
        self._waiting = max(0, self._waiting + pictures - 1)


def idr_test(stream: VideoStream) -> PacketTest:
    """Whether a keyframe packet cuts all references to what came before.

    For H.264 only an IDR picture surely does (containers also flag recovery points); the other
    codecs' keyframes do. Source: ITU-T H.264, 7.4.1.2.4; ISO/IEC 14496-15 for the ``avcC`` layout.
    """
    context = stream.codec_context
    if context is None or context.name != "h264":
        return lambda _: True
    extradata = context.extradata or b""
    if extradata[:1] == b"\x01" and len(extradata) > 4:
        width = (extradata[4] & 3) + 1
        return lambda packet: _H264_IDR in _nal_types(bytes(packet), width)
    return lambda packet: _H264_IDR in _nal_types_annex_b(bytes(packet))


def hidden_test(stream: VideoStream) -> PacketTest:
    """Whether a packet holds only a picture for later reference (VP8 and VP9 "alt-ref"), never shown.

    Source: RFC 6386, 9.1; VP9 bitstream specification, 6.2 and annex B (superframes).
    """
    context = stream.codec_context
    if context is not None and context.name == "vp8":
        return lambda packet: not memoryview(packet)[0] & 0x10
    if context is not None and context.name == "vp9":
        return lambda packet: _vp9_hidden(memoryview(packet))
    return lambda _: False


def _vp9_hidden(data: memoryview) -> bool:
    if data[-1] & 0xE0 == 0xC0:
        return False  # a superframe: its last frame is shown
    profile = (data[0] >> 5 & 1) | (data[0] >> 3 & 2)
    shift = 2 if profile == 3 else 3  # a reserved bit follows profile 3
    show_existing, show_frame = data[0] >> shift & 1, data[0] >> (shift - 2) & 1
    return not show_existing and not show_frame


def _nal_types(data: bytes, width: int) -> Iterator[int]:
    at = 0
    while at + width < len(data):
        yield data[at + width] & 31
        at += width + int.from_bytes(data[at : at + width], "big")


def _nal_types_annex_b(data: bytes) -> Iterator[int]:
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 3:
        yield data[at + 3] & 31
        at = data.find(b"\0\0\1", at + 3)
