"""A release without some of its footage: no picture, sound, number or name of it is left."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curator.hub.tombstones import Tombstone
from curator.model.span import Span
from curator.pack.layouts import layout_of, media_of
from curator.pack.table import write_table
from curator.release.manifest import VERSION_CHARS, content_digest, describe, write_json
from curator.release.read import NOT_CONTENT, ReleaseFolder

__all__ = ["REASON", "buried", "withdrawn"]

REASON = "taken-back"
"""Reason of the verdict on footage that was taken back, in metrics and in diffs."""

_PICTURES = ("report.html",)
_ASSETS = "assets/"
"""Files with pictures of many samples: they go as a whole."""


def buried(release: ReleaseFolder, tombstones: Collection[Tombstone]) -> frozenset[str]:
    """The ids of a release's samples that tombstones cover."""
    if not tombstones:
        return frozenset()
    urls = {
        row["id"]: row["video"]
        for row in release.metrics().select(["id", "video"]).to_pylist()
        if row["id"] is not None
    }
    return frozenset(
        sample
        for sample, told in release.manifest["samples"].items()
        if _is_covered(told["fingerprint"], urls.get(sample), told, tombstones)
    )


def withdrawn(
    release: ReleaseFolder, tombstones: Collection[Tombstone], target: Path
) -> ReleaseFolder:
    """Write a release to `target` without what tombstones cover; files that stay are linked.

    Shards that hold nothing of it may be absent from the folder, and are then left absent: their
    digests stay in the manifest.
    """
    gone = buried(release, tombstones)
    target.mkdir(parents=True)
    manifest = dict(release.manifest)
    samples = {one: told for one, told in manifest["samples"].items() if one not in gone}
    files = dict(manifest["files"])
    changed, dropped = _thinned(release, gone, target)
    done = {*changed, *dropped}
    for path in list(files):
        source, place = release.folder / path, target / path
        if path in done:
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if path in _PICTURES or path.startswith(_ASSETS):
            del files[path]
        elif path in ("metrics.parquet", "shots.parquet", "failures.parquet"):
            write_table(place, _cleaned(pq.read_table(source), tombstones))
            changed.append(path)
        elif path == "footprints.parquet":
            table = pq.read_table(source)
            write_table(place, table.filter(_without(table, gone)))
            changed.append(path)
        elif path == "build.lock.json":
            write_json(place, _unnamed(json.loads(source.read_text("utf-8")), tombstones))
            changed.append(path)
        elif path == "README.md":
            place.write_text(_told(source.read_text("utf-8"), len(gone)), encoding="utf-8")
            changed.append(path)
        elif source.is_file():
            _link(source, place)
    for path in dropped:
        files.pop(path, None)
    files |= describe(target, changed)
    content = {path: told for path, told in files.items() if path not in NOT_CONTENT}
    digest = content_digest(release.name, content)
    manifest |= {
        "files": dict(sorted(files.items())),
        "samples": samples,
        "digest": digest,
        "version": digest[:VERSION_CHARS],
    }
    write_json(target / "manifest.json", manifest)
    return ReleaseFolder(folder=target, manifest=manifest)


def _thinned(
    release: ReleaseFolder, gone: Collection[str], target: Path
) -> tuple[list[str], list[str]]:
    """Shards without the samples that are gone: files that were written, and files that are no more."""
    layout, told = layout_of(release.manifest), release.manifest["samples"]
    rest = {one: held for one, held in told.items() if one not in gone}
    used = {held["shard"] for held in rest.values()} | media_of(rest)
    changed: list[str] = []
    lost = media_of({one: told[one] for one in gone}) - used
    for index in sorted({told[one]["shard"] for one in gone}):
        made = layout.thin(release.folder, target, index, lambda table: _without(table, gone))
        if made.ids:
            changed += made.written
        else:
            lost |= set(made.written)
            for path in made.written:
                (target / path).unlink()
    return changed, sorted(lost)


def _is_covered(
    fingerprint: str | None,
    url: str | None,
    told: Mapping[str, Any],
    tombstones: Collection[Tombstone],
) -> bool:
    span = Span(Fraction(told["start"]), Fraction(told["end"]))
    return any(one.covers(fingerprint=fingerprint, url=url, span=span) for one in tombstones)


def _without(table: pa.Table, gone: Collection[str]) -> pa.ChunkedArray:
    return pc.invert(pc.is_in(table.column("id"), pa.array(sorted(gone), pa.string())))


def _cleaned(table: pa.Table, tombstones: Collection[Tombstone]) -> pa.Table:
    """A table of verdicts, shots or failures: rows of a whole video that is gone say only that it is."""
    rows = [_clean_row(row, tombstones) for row in table.to_pylist()]
    kept = [row for row in rows if row is not None]
    return pa.Table.from_pylist(kept, schema=table.schema)


def _clean_row(
    row: Mapping[str, Any], tombstones: Collection[Tombstone]
) -> Mapping[str, Any] | None:
    whole = any(_is_whole(one, row) for one in tombstones)
    if "verdict" not in row:
        return None if whole else row
    if not whole and not _is_covered(row["fingerprint"], row["video"], row, tombstones):
        return row
    keep = ("fingerprint", "unit", "start_seconds", "end_seconds", "start", "end", "stage")
    emptied = {name: row[name] if name in keep else None for name in row}
    video = f"{REASON}:{(row['fingerprint'] or '')[:12]}" if whole else row["video"]
    return {**emptied, "video": video, "verdict": "dropped", "reason": REASON, "source": REASON}


def _is_whole(stone: Tombstone, row: Mapping[str, Any]) -> bool:
    """Whether all of a row's video is gone."""
    if stone.start is not None:
        return False
    same = stone.fingerprint is not None and row["fingerprint"] == stone.fingerprint
    return same or (stone.url is not None and row["video"] == stone.url)


def _unnamed(lock: dict[str, Any], tombstones: Collection[Tombstone]) -> dict[str, Any]:
    """The lock without the videos that are gone; whoever builds again is told what to leave out."""
    videos = {
        url: told
        for url, told in lock.get("videos", {}).items()
        if not any(
            _is_whole(one, {"fingerprint": told["fingerprint"], "video": url}) for one in tombstones
        )
    }
    stones = sorted({one.fingerprint for one in tombstones if one.fingerprint is not None})
    return {**lock, "videos": videos, REASON: stones}


def _told(card: str, count: int) -> str:
    note = (
        f"\n## Taken back\n\n{count} sample{'' if count == 1 else 's'} of an earlier version "
        "were taken back and are in no file of this one. The figures above are those of the build "
        "before that; `metrics.parquet` says `taken-back` for the footage.\n"
    )
    # Pictures of samples were in a file of their own, which is gone.
    lines = [line for line in card.split("\n") if not (_ASSETS in line and line.startswith("!["))]
    return "\n".join(lines).rstrip("\n") + "\n" + note


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, place)
