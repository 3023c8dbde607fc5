"""The samples of a virtual release: what is written of each, and how each is cut."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curator.engine.cutsheet import Cutting, read_sheet
from curator.engine.cutting import Needs
from curator.errors import StoreError
from curator.model.outcome import CutSheet
from curator.pack.entry import Entry
from curator.pack.schema import CUT
from curator.release.read import ReleaseFolder
from curator.spec.recipe import Recipe

__all__ = ["FACTS", "VirtualSamples", "is_virtual"]

FACTS = (
    "width_px",
    "height_px",
    "fps",
    "num_frames",
    "sample_rate_hz",
    "channels",
    "num_samples",
)
"""Columns that are known when a sample has been cut."""
_SHEETS = ["id", "url", "fingerprint", "split", CUT]
_GROUPS = 4
"""Row groups that are held at a time."""


def is_virtual(release: ReleaseFolder) -> bool:
    """Whether a release holds no clips."""
    return release.manifest.get("clips") == "virtual"


class VirtualSamples:
    """The rows of a virtual release by id; tracks are read when their turn comes.

    Raises:
        StoreError: ``not-virtual``, or ``cut-sheet`` when a sample cannot be cut as it was meant.
    """

    def __init__(self, release: ReleaseFolder, recipe: Recipe) -> None:
        if not is_virtual(release):
            raise StoreError(
                f"{release.folder} holds its clips",
                reason="not-virtual",
                hint="use it as it is",
            )
        self._folder = release.folder
        self._told: Mapping[str, Any] = release.manifest["samples"]
        self._recipe = recipe
        self._group = lru_cache(_GROUPS)(self._read_group)
        self._sheets = lru_cache(_GROUPS)(self._read_sheets)
        self.schema: pa.Schema | None = None
        self.urls: dict[str, str] = {}
        """Fingerprint of each video to where it was."""
        self.needs: dict[str, Needs] = {}
        """By the sample's key. Cut sheets are read again when their video's turn comes: they are large."""
        self._places: dict[str, tuple[str, int, int]] = {}
        self._plain_bytes: dict[str, int] = {}
        for shard in sorted(path for path in release.manifest["files"] if _is_shard(path)):
            self._index(shard)
        self._ids = {self.key(one): one for one in self._places}

    @property
    def ids(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted(self._places))

    def key(self, sample: str) -> str:
        """The key of a sample."""
        return str(self._told[sample]["key"])

    def id_of(self, key: str) -> str:
        """The sample with a key."""
        return self._ids[key]

    def cutting(self, key: str) -> Cutting:
        """How a sample is cut, by its key."""
        shard, group, at = self._places[self._ids[key]]
        return self._cutting(key, self._sheets(shard, group)[at])

    def entry(
        self, sample: str, media: Mapping[str, Path], facts: Mapping[str, int | float | None]
    ) -> Entry:
        """A sample that has been cut, on its way into a shard."""
        told = self._told[sample]
        return Entry(
            id=sample,
            split=told["split"],
            fingerprint=told["fingerprint"],
            url=self.urls[told["fingerprint"]],
            media=media,
            plain_bytes=self._plain_bytes[sample],
            row=partial(self._row, sample, facts),
        )

    def _index(self, shard: str) -> None:
        with pq.ParquetFile(self._folder / shard) as file:
            self.schema = file.schema_arrow
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=_SHEETS).to_pylist()
                for at, row in enumerate(rows):
                    sample, cut = row["id"], row[CUT]
                    cutting = self._cutting(self.key(sample), cut)
                    self.needs[self.key(sample)] = Needs(video=cutting.video, files=cutting.files)
                    self.urls[row["fingerprint"]] = row["url"]
                    self._places[sample] = (shard, group, at)
                    self._plain_bytes[sample] = cut["plain_bytes"]

    def _cutting(self, key: str, cut: Mapping[str, Any]) -> Cutting:
        sheet = CutSheet(document=cut["document"], boxes=cut["boxes"])
        return read_sheet(sheet, key, self._recipe)

    def _row(self, sample: str, facts: Mapping[str, int | float | None]) -> dict[str, Any]:
        shard, group, at = self._places[sample]
        [row] = self._group(shard, group).slice(at, 1).to_pylist()
        return {**row, **facts}

    def _read_sheets(self, shard: str, group: int) -> list[dict[str, Any]]:
        with pq.ParquetFile(self._folder / shard) as file:
            sheets: list[dict[str, Any]] = file.read_row_group(group, columns=[CUT])[
                CUT
            ].to_pylist()
        return sheets

    def _read_group(self, shard: str, group: int) -> pa.Table:
        with pq.ParquetFile(self._folder / shard) as file:
            names = [name for name in file.schema_arrow.names if name != CUT]
            return file.read_row_group(group, columns=names)


def _is_shard(path: str) -> bool:
    return path.startswith("data/") and path.endswith(".parquet")
