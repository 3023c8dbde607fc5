"""The only door to FFmpeg's demuxers: one local file in, and nothing that the file points at.

A media file can name other files and hosts (playlists, concat scripts, external references in
QuickTime). Here FFmpeg is given bytes, never a path: it cannot take a file name for a URL, may use
the demuxers of `FORMATS` only, and every attempt to open something else is refused.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import av
from av.container import InputContainer
from av.error import FFmpegError

from curator.errors import MediaError

__all__ = ["FORMATS", "Limits", "open_media"]

FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "flv", "asf", "ogg", "mxf", "nut",
    "rm", "dv", "ivf", "obu", "av1", "h264", "hevc", "vvc", "h263", "yuv4mpegpipe", "mpegtsraw", "wtv", "gxf",
    # Sound only: let in so that they are refused for having no video, not as unknown bytes.
    "mp3", "wav", "flac", "aac", "ac3", "eac3",
)  # fmt: skip
"""Demuxers that read one file and nothing else. Playlists, scripts, pictures and subtitles are not among them."""

_BUFFER_BYTES = (
    1 << 18
)  # one Python call for each 256 KiB costs nothing; FFmpeg's own 32 KiB would show
_SNIFF_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an untrusted file may ask for before it is refused."""

    max_pixels: int = 8192 * 8192
    """Stored width times height of a picture; a mid-stream picture above it is damage."""
    max_streams: int = 64
    """Streams of all kinds in one container."""
    max_packets: int = 50_000_000
    """Packets that the scan reads: some 100 hours of film."""


@contextmanager
def open_media(path: Path, *, limits: Limits) -> Iterator[InputContainer]:
    """Open one local file for demuxing; the header is read, no packet is.

    Raises:
        MediaError: ``not-found``, ``not-a-file``, ``unreadable``, ``empty-file``, ``not-a-video``,
            ``playlist-refused``, ``outside-reference``, ``damaged-header``, ``too-much-memory``,
            ``too-many-streams``.
    """
    raw = _open_file(path)
    try:
        container = _open_container(raw, path, limits)
        try:
            if len(container.streams) > limits.max_streams:
                raise MediaError(
                    f"{path.name} has {len(container.streams)} streams, {limits.max_streams} are allowed",
                    reason="too-many-streams",
                    hint="remux the video and audio streams that matter into a file of their own",
                )
            yield container
        finally:
            container.close()
    finally:
        raw.close()


class _Bytes:
    """A file without a name: FFmpeg judges the content and cannot read a protocol into the name."""

    def __init__(self, raw: io.FileIO) -> None:
        self.read, self.seek, self.tell = raw.read, raw.seek, raw.tell


def _open_file(path: Path) -> io.FileIO:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"{path.name} is not a regular file", reason="not-a-file")
        if status.st_size == 0:
            raise MediaError(
                f"{path.name} is empty", reason="empty-file", hint="fetch the file again"
            )
        return io.FileIO(path, "r")
    except FileNotFoundError as error:
        raise MediaError(f"{path} does not exist", reason="not-found") from error
    except OSError as error:
        raise MediaError(f"{path.name}: {error.strerror}", reason="unreadable") from error


def _open_container(raw: io.FileIO, path: Path, limits: Limits) -> InputContainer:
    options = {
        "format_whitelist": ",".join(FORMATS),
        "protocol_whitelist": "none",
    }
    codec_options = {"max_pixels": str(limits.max_pixels)}  # for the pictures that FFmpeg looks at
    try:
        return av.open(
            _Bytes(raw),
            "r",
            options=codec_options,
            container_options=options,
            metadata_errors="replace",
            buffer_size=_BUFFER_BYTES,
            io_open=_refuse,
        )
    except MemoryError as error:
        raise MediaError(
            f"the header of {path.name} asks for more memory than is allowed",
            reason="too-much-memory",
            hint="the file is damaged or hostile; remux it with ffmpeg, or leave it out",
        ) from error
    except (FFmpegError, ValueError, UnicodeError) as error:
        raw.seek(0)
        raise _why_not(path, raw.read(_SNIFF_BYTES)) from error


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:  # noqa: ARG001
    raise MediaError(
        f"the file refers to other data ({url[:200]!r}), which is never opened",
        reason="outside-reference",
        hint="make it self-contained: ffmpeg -i FILE -c copy OUT.mp4",
    )


def _why_not(path: Path, head: bytes) -> MediaError:
    """The most useful thing that can be said of a file that no demuxer takes."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = text[:64].lower()
    if text.startswith((b"#EXTM3U", b"ffconcat", b";FFMETADATA", b"<MPD")) or b"<MPD" in text:
        return MediaError(
            f"{path.name} is a playlist or script that points at other files",
            reason="playlist-refused",
            hint="name the media files themselves as the source",
        )
    if text.startswith(b"version https://git-lfs"):
        return _not_a_video(path, "a Git LFS pointer", "run: git lfs pull")
    if lower.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return _not_a_video(path, "a web page", "the download failed: fetch the file again")
    if text.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF")) and head[
        8:12
    ] not in (
        b"AVI ",
        b"WAVE",
    ):
        return _not_a_video(path, "a picture", "name videos as the source")
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
        return MediaError(
            f"the index of {path.name} is missing or damaged (cut off while it was written?)",
            reason="damaged-header",
            hint="fetch the file again, or recover the index with a tool such as untrunc",
        )
    return _not_a_video(path, "not in a known video format", "leave it out of the source")


def _not_a_video(path: Path, what: str, hint: str) -> MediaError:
    return MediaError(f"{path.name} is {what}", reason="not-a-video", hint=hint)
