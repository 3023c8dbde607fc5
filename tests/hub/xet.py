"""Chunked storage as the Hub has it: the real `hf_xet` client, talking to a store in a folder.

The token that a Hub gives out says where the storage is, and the client takes ``local://FOLDER``
for it (that is how it is tested itself). So nothing of the protocol is imitated here. The Hub only
has to learn which content was stored, when a commit names it by sha256: that is in the store's
shards, whose layout is read below.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["XetStore"]

_HEADER_BYTES = 48
_RECORD_BYTES = 48
_VERIFICATION, _METADATA = 1 << 31, 1 << 30
_END = b"\xff" * 32


class XetStore:
    """Content by sha256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hashes: dict[str, tuple[str, int]] = {}

    @property
    def url(self) -> str:
        """What clients are told."""
        return f"local://{self.folder}"

    def hash_of(self, sha256: str) -> str | None:
        """Xet's own name for what has this sha256; None when it was not stored."""
        if sha256 not in self._hashes:
            for path in self.folder.glob("xet/xorbs/shards/*.mdb"):
                self._hashes |= dict(_files(path.read_bytes()))
        return self._hashes[sha256][0] if sha256 in self._hashes else None

    def read(self, sha256: str) -> bytes:
        """The content, put together from its chunks by the client itself."""
        from hf_xet import XetFileInfo, XetSession

        name = self.hash_of(sha256)
        assert name is not None, "ask `hash_of` first"
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "content"
            with XetSession().new_file_download_group(endpoint=self.url) as group:
                group.start_download_file(XetFileInfo(name, self._hashes[sha256][1]), str(target))
            return target.read_bytes()


def _files(shard: bytes) -> Iterator[tuple[str, tuple[str, int]]]:
    """sha256, Xet's hash and size of every file that a shard describes."""
    at = _HEADER_BYTES
    while shard[at : at + 32] != _END:
        name, (flags, segments) = shard[at : at + 32], struct.unpack_from("<II", shard, at + 32)
        at += _RECORD_BYTES
        # A segment: hash of its xorb, flags, bytes, first and last chunk.
        sizes = [
            struct.unpack_from("<I", shard, at + _RECORD_BYTES * n + 36)[0] for n in range(segments)
        ]
        at += segments * _RECORD_BYTES * (2 if flags & _VERIFICATION else 1)
        if flags & _METADATA:
            yield _words(shard[at : at + 32]), (_words(name), sum(sizes))
            at += _RECORD_BYTES


def _words(data: bytes) -> str:
    """A hash as it is written: four numbers of 64 bits, little end first in the file."""
    return "".join(data[start : start + 8][::-1].hex() for start in range(0, 32, 8))
