from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How much is read of files in memory."""
    sizes: list[int] = []
    real = MemoryFile.read

    def counting(self: Any, size: int = -1) -> bytes:
        data: bytes = real(self, size)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(MemoryFile, "read", counting, raising=False)
    yield sizes
    fsspec.filesystem("memory").store.clear()
