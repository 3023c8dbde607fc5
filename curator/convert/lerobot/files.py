"""The files that episodes share: tables of rows, and videos of one camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curator.media.join import ClipJoin, configuration

__all__ = [
    "CHUNK_FILES",
    "DATA_MB",
    "DATA_PATH",
    "VIDEO_MB",
    "VIDEO_PATH",
    "Place",
    "Tables",
    "Videos",
]

CHUNK_FILES = 1000
DATA_MB, VIDEO_MB = 100, 200
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


@dataclass(frozen=True, slots=True)
class Place:
    """Which file."""

    number: int

    @property
    def chunk(self) -> int:
        """Number of the folder."""
        return self.number // CHUNK_FILES

    @property
    def file(self) -> int:
        """Number in the folder."""
        return self.number % CHUNK_FILES


class Tables:
    """``data/``: a row for each frame, a row group for each episode."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder, self._schema = folder, schema
        self._writer: pq.ParquetWriter | None = None
        self._number, self._bytes = -1, 0

    def add(self, columns: Mapping[str, Any]) -> Place:
        """Write the rows of an episode; where they are."""
        table = pa.table(dict(columns), schema=self._schema)
        if self._writer is None or self._bytes + table.nbytes > DATA_MB * 2**20:
            self.close()
            self._number, self._bytes = self._number + 1, 0
            place = Place(self._number)
            path = DATA_PATH.format(chunk_index=place.chunk, file_index=place.file)
            self._writer = pq.ParquetWriter(
                _made(self._folder / path), self._schema, compression="snappy"
            )
        self._writer.write_table(table)
        self._bytes += table.nbytes
        return Place(self._number)

    def close(self) -> None:
        """Finish the file that is open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class Videos:
    """``videos/CAMERA/``: episodes one after another, their pictures copied as they are."""

    def __init__(self, folder: Path, camera: str, fps: Fraction) -> None:
        self._folder, self._camera, self._fps = folder, camera, fps
        self._join: ClipJoin | None = None
        self._number, self._bytes = -1, 0
        self._configuration = b""

    def add(self, clip: bytes, frames: int) -> tuple[Place, Fraction]:
        """Append the pictures of an episode; which file, and when they begin in it, seconds."""
        found = configuration(clip)
        full = self._bytes + len(clip) > VIDEO_MB * 2**20
        if self._join is None or full or found != self._configuration:
            self.close()
            self._number, self._bytes, self._configuration = self._number + 1, 0, found
            place = Place(self._number)
            path = VIDEO_PATH.format(
                video_key=self._camera, chunk_index=place.chunk, file_index=place.file
            )
            self._join = ClipJoin(_made(self._folder / path), self._fps)
        start = self._join.add(clip, frames)
        self._bytes += len(clip)
        return Place(self._number), start

    def close(self) -> None:
        """Finish the file that is open."""
        if self._join is not None:
            self._join.__exit__(None, None, None)
            self._join = None


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
