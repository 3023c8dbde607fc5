"""WebDataset: tar files of samples, for `webdataset` and `datasets`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curator.convert.clips import Clip, Clips
from curator.pack.tar import TarWriter, padded

__all__ = ["write_webdataset"]

_SHARD_BYTES = 10**9
_LEADERS = 5
"""`datasets` learns keys and types from the first samples of the first file: those must have everything."""


def write_webdataset(clips: Clips, folder: Path, *, shard_bytes: int = _SHARD_BYTES) -> int:
    """Write ``SPLIT-000000.tar`` ... with ``ID.mp4``, ``ID.flac``, ``ID.json`` and ``ID.txt``; the number of samples.

    The text is the caption; the JSON holds facts, rights, signals and tracks. Bytes depend on the
    samples alone. A sample that lacks a medium lacks its file; such samples do not come first.
    """
    for split in sorted({row["split"] for row in clips.rows}):
        places = [at for at, row in enumerate(clips.rows) if row["split"] == split]
        order = _order(clips.rows, places)
        shards = _Shards(folder, split, shard_bytes)
        for clip in clips.take(order):
            shards.add(clip.id, _members(clip))
        shards.close()
    return len(clips)


class _Shards:
    """Tar files that are begun anew when they are full."""

    def __init__(self, folder: Path, split: str, shard_bytes: int) -> None:
        self._folder, self._split, self._limit = folder, split, shard_bytes
        self._count, self._held = 0, 0
        self._tar: TarWriter | None = None

    def add(self, name: str, members: Mapping[str, bytes]) -> None:
        size = sum(padded(len(data)) for data in members.values())
        if self._tar is None or self._held + size > self._limit:
            self.close()
            path = self._folder / f"{self._split}-{self._count:06d}.tar"
            self._tar = TarWriter(path)
            self._count, self._held = self._count + 1, 0
        for suffix, data in members.items():
            self._tar.add(f"{name}.{suffix}", data)
        self._held += size

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()
            self._tar = None


def _members(clip: Clip) -> dict[str, bytes]:
    media = {"mp4": clip.video, "flac": clip.audio}
    media |= {f"{name}.mp4": data for name, data in clip.cameras.items()}
    about = {**clip.row, "tracks": clip.tracks} if clip.tracks else dict(clip.row)
    members = {suffix: data for suffix, data in media.items() if data is not None}
    members["json"] = json.dumps(about, ensure_ascii=False, allow_nan=False).encode()
    return {**members, "txt": clip.caption.encode()}


def _order(rows: Sequence[Mapping[str, Any]], places: Sequence[int]) -> list[int]:
    """The order of a split: first a few samples that together have a value in every column."""
    known = {at: _known(rows[at]) for at in places}
    # Sound is a file of its own: a leader without it would have other keys than the others.
    sounding = [at for at in places if rows[at]["num_samples"] is not None]
    pool = sounding if len(sounding) >= min(_LEADERS, len(places)) else list(places)
    leaders = list(_cover(known, pool))[:_LEADERS]
    leaders += [at for at in pool if at not in leaders][: _LEADERS - len(leaders)]
    return [*leaders, *(at for at in places if at not in set(leaders))]


def _cover(known: Mapping[int, frozenset[str]], pool: Sequence[int]) -> Iterator[int]:
    left = frozenset[str]().union(*(known[at] for at in pool))
    while left:
        best = max(pool, key=lambda at: (len(known[at] & left), -at))
        yield best
        left -= known[best]


def _known(row: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name, value in row.items() if value is not None)
