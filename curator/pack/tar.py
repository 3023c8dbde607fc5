"""Tar files whose bytes depend on their members alone."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["TarError", "TarWriter", "members", "padded"]

TarError = tarfile.TarError

_BLOCK = 512


def padded(size: int) -> int:
    """What a member of `size` bytes takes in a tar file."""
    return _BLOCK + -(-size // _BLOCK) * _BLOCK


def members(path: Path) -> dict[str, tuple[int, int]]:
    """Name of each member to offset and size of its content.

    Raises:
        TarError: when it is no tar file.
        OSError: when it is not there.
    """
    with tarfile.open(path) as tar:
        return {one.name: (one.offset_data, one.size) for one in tar}


class TarWriter:
    """A tar file (USTAR: no times, no owners) in the making."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed by `close`

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, name: str, content: bytes | Path) -> tuple[int, int]:
        """Write a member; offset and size of its content in the tar file."""
        entry = tarfile.TarInfo(name)
        entry.mode = 0o644
        at = self._tar.offset + _BLOCK
        if isinstance(content, bytes):
            entry.size = len(content)
            self._tar.addfile(entry, io.BytesIO(content))
        else:
            with content.open("rb") as file:
                entry.size = content.stat().st_size
                self._tar.addfile(entry, file)
        return at, entry.size

    def close(self) -> None:
        """Finish the file."""
        self._tar.close()
