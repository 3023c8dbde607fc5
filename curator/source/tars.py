"""Tar files as places of files: members by name, each read by its own bytes alone.

The headers are read once for each state of a file, in small blocks, so the members of a remote shard
are known for a fraction of its bytes. (fsspec's own reads all headers again for each member.)
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

from fsspec.archive import AbstractArchiveFileSystem

from curator.source.address import open_address, open_file

__all__ = ["SMALL_BYTES", "DamagedTarError", "Member", "Tar", "open_tar", "read_members"]

SMALL_BYTES = 1 << 16
"""JSON members up to this size are read with the headers: they lie between them."""
_HEADER_BLOCK_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 22
_KNOWN_TARS = 64


class DamagedTarError(OSError):
    """It was read, and it is no tar file, or ends too early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a tar file."""

    offset: int
    """Of its first byte in the tar file."""
    size: int
    data: bytes | None = None
    """Of a small JSON file."""


def open_tar(url: str) -> Tar:
    """The members of a tar file, in its present state. Raises as `read_members`."""
    return Tar(url, read_members(url))


def read_members(url: str) -> Mapping[str, Member]:
    """Every regular file by its name; of two with one name the last, as tar itself does.

    Raises:
        DamagedTarError: what is there is no tar file, or not a whole one.
        OSError and what else `curator.source.address.remote_errors` names.
    """
    fs, path = open_address(url)
    return _members(url, fs.ukey(path))


class Tar(AbstractArchiveFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A tar file, not compressed."""

    root_marker = ""
    protocol = "tar"
    cachable = False

    def __init__(self, url: str, members: Mapping[str, Member]) -> None:
        super().__init__()
        self.fo = self._url = url
        self._members = members
        self.dir_cache = {
            name: {"name": name, "size": 0, "type": "directory"}
            for name in self._all_dirnames(list(members))
        }
        for name, member in members.items():
            self.dir_cache[name] = {"name": name, "size": member.size, "type": "file"}

    def open(self, path: str, mode: str = "rb", **_: Any) -> BinaryIO:  # noqa: ARG002 - fsspec's
        """The bytes of one member."""
        member = self._members.get(self._strip_protocol(path))
        if member is None:
            raise FileNotFoundError(f"{path} is not in {self._url}")
        part = _Part(open_file(self._url, is_exact=True), member)
        return io.BufferedReader(part, _BLOCK_BYTES)

    def _get_dirs(self) -> None:
        """All is known from the start."""


class _Part(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: BinaryIO, part: Member) -> None:
        self._file, self._part, self._at = file, part, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._part.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), max(0, self._part.size - self._at))
        self._file.seek(self._part.offset + self._at)
        data = self._file.read(size)
        if size and not data:
            raise EOFError("the tar file ends inside a member")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


@lru_cache(maxsize=_KNOWN_TARS)
def _members(url: str, state: str) -> Mapping[str, Member]:  # noqa: ARG001 - another state, other members
    out = {}
    try:
        with (
            open_file(url, block_bytes=_HEADER_BLOCK_BYTES) as file,
            tarfile.open(fileobj=file, mode="r:") as tar,
        ):
            for entry in tar:
                if entry.isreg() and not entry.issparse():
                    name = posixpath.normpath(entry.name).lstrip("/")
                    out[name] = _member(file, entry)
    except tarfile.TarError as error:
        raise DamagedTarError(f"not a tar file, or damaged: {error}") from error
    return out


def _member(file: BinaryIO, entry: tarfile.TarInfo) -> Member:
    data = None
    if entry.name.endswith(".json") and entry.size <= SMALL_BYTES:
        file.seek(entry.offset_data)
        data = file.read(entry.size)
    return Member(offset=entry.offset_data, size=entry.size, data=data)
