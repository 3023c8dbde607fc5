"""The samples of a release, one at a time, with their media: what every layout is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curator.convert.captions import Captions
from curator.errors import ConvertError
from curator.hub.where import Where
from curator.pack.layouts import layout_of
from curator.pack.schema import MEDIA_TYPE
from curator.release.read import ReleaseFolder
from curator.release.virtual import is_virtual

__all__ = ["Clip", "Clips"]

_CAMERA = "video."
_TRACK = "tracks."


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One sample."""

    id: str
    split: str
    row: Mapping[str, Any]
    """Facts, rights and signals: every column that is neither media nor a track."""
    video: bytes | None
    """MP4."""
    audio: bytes | None
    """FLAC."""
    cameras: Mapping[str, bytes | None]
    """MP4s of further cameras."""
    tracks: Mapping[str, Any]
    """As in the shards: ``{seconds, values}``, ``{seconds, positions, rotations}``, or a list of cues."""
    caption: str


class Clips:
    """Samples of a release in order of split and id; media are read when their turn comes.

    Raises:
        ConvertError: ``convert-virtual`` when there are no clips, ``convert-empty`` when none is left, ``caption-unknown``.
        UsageError: ``usage-where``.
    """

    def __init__(
        self,
        release: ReleaseFolder,
        *,
        split: str | None = None,
        where: Where | None = None,
        caption: str | None = None,
    ) -> None:
        if is_virtual(release):
            raise ConvertError(
                "the release holds no clips",
                reason="convert-virtual",
                hint="curator materialize RELEASE --sources WHERE --to DIR, then convert that",
            )
        self._folder = release.folder
        samples = release.manifest["samples"]
        paths = sorted({(told["split"], told["shard"]) for told in samples.values()})
        self._shards = [path for name, path in paths if split in (None, name)]
        if not self._shards:
            raise _empty(release, "no sample" if split is None else f"no split '{split}'")
        self._layout = layout_of(release.manifest)
        with self._layout.open(self._folder, self._shards[0]) as file:
            self.schema = file.schema_arrow
        self._plain = [field.name for field in self.schema if not _is_heavy(field)]
        self._captions = Captions.of(self.schema, release, caption)
        self.rows = self._index(where)
        if not self.rows:
            raise _empty(release, "no sample that meets the condition")

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of further cameras."""
        return tuple(n.removeprefix(_CAMERA) for n in self.schema.names if n.startswith(_CAMERA))

    def has(self, column: str) -> bool:
        """Whether samples may have it."""
        return column in self.schema.names

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Clip]:
        return self.take(range(len(self)))

    def take(self, order: Sequence[int]) -> Iterator[Clip]:
        """The samples at these places of `rows`; one row group is held at a time."""
        held: tuple[tuple[str, int], pa.Table] | None = None
        for number in order:
            row = self.rows[number]
            shard, group, at = row["_place"]
            if held is None or held[0] != (shard, group):
                with self._layout.open(self._folder, shard) as file:
                    held = ((shard, group), file.read_row_group(group))
            yield self._clip(row, held[1].slice(at, 1).to_pylist()[0])

    def _clip(self, row: Mapping[str, Any], full: Mapping[str, Any]) -> Clip:
        media = {n: v["bytes"] if v else None for n, v in full.items() if self._is_media(n)}
        tracks = {n.removeprefix(_TRACK): v for n, v in full.items() if n.startswith(_TRACK)}
        return Clip(
            id=row["id"],
            split=row["split"],
            row={name: value for name, value in row.items() if name != "_place"},
            video=media.get("video"),
            audio=media.get("audio"),
            cameras={name: media[_CAMERA + name] for name in self.cameras},
            tracks=tracks,
            caption=self._captions.text(full),
        )

    def _is_media(self, name: str) -> bool:
        return bool(self.schema.field(name).type == MEDIA_TYPE)

    def _index(self, where: Where | None) -> list[dict[str, Any]]:
        rows = []
        for shard in self._shards:
            with self._layout.open(self._folder, shard) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=self._plain)
                    mask = pa.array([True] * len(table)) if where is None else where.mask(table)
                    for at in pc.indices_nonzero(mask).to_pylist():
                        [row] = table.slice(at, 1).to_pylist()
                        rows.append({**row, "_place": (shard, group, at)})
        return rows


def _is_heavy(field: pa.Field) -> bool:
    return bool(field.type == MEDIA_TYPE) or field.name.startswith(_TRACK)


def _empty(release: ReleaseFolder, what: str) -> ConvertError:
    held = sorted({told["split"] for told in release.manifest["samples"].values()})
    return ConvertError(
        f"the release has {what}",
        reason="convert-empty",
        hint=f"splits: {', '.join(held)}" if held else "it kept nothing: report.html says why",
    )
