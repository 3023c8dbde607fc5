"""Brings a published version to this machine: resumable, verified, and no more of it than is asked for."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curator.errors import RemoteError, UsageError
from curator.hub.edition import Published, published
from curator.hub.remote import Remote
from curator.hub.version import Version
from curator.hub.where import Where
from curator.pack.layout import Layout
from curator.pack.layouts import layout_of, media_of
from curator.release.manifest import describe, write_json
from curator.release.retell import retell
from curator.store.lock import WriterLock

__all__ = ["Pulled", "cache_root", "cached", "pull", "pull_tables", "revision_of"]

_LONGEST_WAIT_SECONDS = 3600.0
_AT_A_TIME = 8
_TRIES = 3
"""Downloads of one file before it counts as damaged where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What is here now."""

    folder: Path
    address: str
    version: str
    commit: str
    samples: int
    files: int
    bytes_fetched: int
    """In this call; what an earlier one had fetched is not counted."""

    def to_json(self) -> dict[str, Any]:
        """The facts, as ``--json`` shows them."""
        return {
            "release": str(self.folder),
            "from": self.address,
            "version": self.version,
            "commit": self.commit,
            "samples": self.samples,
            "files": self.files,
            "bytes_fetched": self.bytes_fetched,
        }

    def lines(self) -> list[str]:
        """The same for people."""
        size = self.bytes_fetched / 2**20
        held = f"{self.samples} samples in {self.files} files"
        return [
            f"{self.address}@{self.version}: {held}, {size:.1f} MiB fetched, all digests right",
            f"release  {self.folder}",
        ]


def revision_of(remote: Remote, revision: str | None) -> tuple[str, str]:
    """(commit, name) of a revision; the newest version without one.

    Raises:
        RemoteError: ``remote-empty`` when nothing was published yet.
    """
    tags = remote.tags()
    if revision is not None:
        return tags.get(revision, revision), revision
    versions = [(version, name) for name in tags if (version := Version.parse(name)) is not None]
    if not versions:
        raise RemoteError(
            f"{remote.address} has no version yet",
            reason="remote-empty",
            hint="curator publish RECIPE publish.repo=... makes one",
        )
    newest = max(versions)[1]
    return tags[newest], newest


def pull(
    remote: Remote,
    target: Path,
    *,
    revision: str | None = None,
    split: str | None = None,
    where: Where | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Bring a version to `target`, which appears whole or not at all.

    Called again after an interruption it goes on. With `split` or `where` the folder holds those
    samples only, and its manifest says of what it is a part.

    Raises:
        RemoteError: ``remote-revision``, ``remote-not-ours``, ``remote-damaged`` when a file is not what
            the manifest says, however often it is fetched; ``pull-exists`` when `target` is something else.
        UsageError: ``usage-where``, ``usage-split``.
    """
    commit, name = revision_of(remote, revision)
    files = remote.files(commit)
    found = published(remote, commit, files)
    if found is None:
        raise _not_ours(remote, name)
    part = _part(found.manifest, split, where)
    if _is_here(target, found, part):
        return _pulled(target, remote, found, name, fetched=0)
    _must_be_free(target)
    staged = target.parent / f".{target.name}.pull-{found.release[:12]}"
    staged.mkdir(parents=True, exist_ok=True)
    fetch = _Fetch(remote, commit, found.manifest["files"], staged, say)
    shards = _shards(found.manifest, split)
    wanted = [path for path in shards if where is None or fetch.matches(path, where)]
    for path in [*_others(found.manifest), *wanted]:
        fetch.file(path)
    kept = _wanted(staged, found.manifest, wanted, where)
    fetch.many(sorted(media_of(kept)))
    manifest = dict(found.manifest)
    if part is not None:
        manifest = _cut(staged, found.manifest, kept, where) | {"subset": part}
    write_json(staged / "manifest.json", manifest)
    _put(staged, target)
    return _pulled(target, remote, found, name, fetched=fetch.bytes)


def cache_root() -> Path:
    """This machine's cache: ``CURATOR_CACHE``, else ``~/.cache/curator``."""
    return Path(os.environ.get("CURATOR_CACHE") or Path.home() / ".cache" / "curator")


def cached(remote: Remote, revision: str | None, *, split: str | None = None) -> Path:
    """The folder of a version in this machine's cache; what is missing there is pulled first.

    Processes that ask for the same at once wait for each other, and one of them pulls. The cache is
    ``CURATOR_CACHE``, else ``~/.cache/curator``.

    Raises:
        RemoteError: as `pull`.
        StoreError: ``store-busy`` when another process pulls for more than an hour.
    """
    commit, _ = revision_of(remote, revision)
    root = cache_root()
    name = re.sub(r"[^\w.-]+", "--", remote.address).strip("-")
    folder = root / "releases" / name / (commit[:40] + (f"-{split}" if split else ""))
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(
        folder.parent / f".{folder.name}.lock",
        wait_seconds=_LONGEST_WAIT_SECONDS,
        what="another process pulls into",
    )
    try:
        if not (folder / "manifest.json").is_file():
            pull(remote, folder, revision=commit, split=split)
    finally:
        lock.release()
    return folder


def pull_tables(remote: Remote, target: Path, revision: str | None = None) -> tuple[Published, str]:
    """Bring everything but the samples of a version to a folder: to read what was decided, not to train.

    Returns:
        What was published, and the name of the version.

    Raises:
        RemoteError: as `pull`.
    """
    commit, name = revision_of(remote, revision)
    found = published(remote, commit, remote.files(commit))
    if found is None:
        raise _not_ours(remote, name)
    target.mkdir(parents=True, exist_ok=True)
    fetch = _Fetch(remote, commit, found.manifest["files"], target, lambda _: None)
    for path in _others(found.manifest):
        fetch.file(path)
    write_json(target / "manifest.json", found.manifest)
    return found, name


def _not_ours(remote: Remote, name: str) -> RemoteError:
    return RemoteError(
        f"{remote.address}@{name} is no release of curator: it has no manifest",
        reason="remote-not-ours",
    )


class _Fetch:
    """Files of one commit on their way into a folder."""

    def __init__(
        self,
        remote: Remote,
        commit: str,
        told: Mapping[str, Mapping[str, Any]],
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self._remote, self._commit, self._told = remote, commit, told
        self._folder, self._say = folder, say
        self.bytes = 0
        self._counting = threading.Lock()

    def many(self, paths: Sequence[str]) -> None:
        """Have files in the folder, a few at a time: clips are small, and most of the time is waiting."""
        with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="pull") as pool:
            try:
                for done in [pool.submit(self.file, path) for path in paths]:
                    done.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def file(self, path: str) -> None:
        """Have a file in the folder, with the digest that the manifest tells."""
        if self._is_right(path):
            return
        for _ in range(_TRIES):
            self._say(f"fetching {path} ({self._told[path]['bytes']} bytes)")
            self._remote.download(path, self._commit, self._folder)
            with self._counting:
                self.bytes += int(self._told[path]["bytes"])
            if self._is_right(path):
                return
            (self._folder / path).unlink(missing_ok=True)
        raise RemoteError(
            f"{path} of {self._remote.address} is not what its manifest says",
            reason="remote-damaged",
            hint="it was fetched three times; publish the version again, or use another one",
        )

    def matches(self, path: str, where: Where) -> bool:
        """Whether any sample of a shard is wanted: only the columns in question are read."""
        with (
            self._remote.open(path, self._commit) as file,
            pq.ParquetFile(file) as shard,
        ):
            where.check(shard.schema_arrow.names)
            table = shard.read(columns=list(where.columns))
        return bool(any(where.mask(table).to_pylist()))

    def _is_right(self, path: str) -> bool:
        file = self._folder / path
        return file.is_file() and describe(self._folder, [path])[path] == dict(self._told[path])


def _part(
    manifest: Mapping[str, Any], split: str | None, where: Where | None
) -> dict[str, Any] | None:
    """What the manifest of a part says of it; None for the whole."""
    if split is None and where is None:
        return None
    return {
        "of": manifest["digest"],
        "split": split,
        "where": where.text if where is not None else None,
    }


def _shards(manifest: Mapping[str, Any], split: str | None) -> list[str]:
    samples = manifest["samples"].values()
    splits = sorted({told["split"] for told in samples})
    if split is not None and split not in splits:
        raise UsageError(
            f"there is no split '{split}'",
            reason="usage-split",
            hint=f"splits: {', '.join(splits) or 'none'}",
        )
    return sorted({told["shard"] for told in samples if split in (None, told["split"])})


def _others(manifest: Mapping[str, Any]) -> list[str]:
    """Files that hold no samples."""
    samples = manifest["samples"]
    held = {told["shard"] for told in samples.values()} | media_of(samples)
    return [path for path in manifest["files"] if path not in held]


def _wanted(
    folder: Path, manifest: Mapping[str, Any], shards: Sequence[str], where: Where | None
) -> dict[str, Mapping[str, Any]]:
    """What the manifest says of the samples that are wanted; their shards' indices are in the folder."""
    some = set(shards)
    samples = {name: told for name, told in manifest["samples"].items() if told["shard"] in some}
    if where is None:
        return samples
    columns, ids = ["id", *(name for name in where.columns if name != "id")], set()
    for path in shards:
        table = pq.read_table(folder / path, columns=columns)
        ids |= set(table.filter(where.mask(table)).column("id").to_pylist())
    return {name: told for name, told in samples.items() if name in ids}


def _cut(
    folder: Path,
    manifest: Mapping[str, Any],
    kept: Mapping[str, Mapping[str, Any]],
    where: Where | None,
) -> dict[str, Any]:
    """Leave the wanted samples in the shards; the manifest of what is left."""
    shards = sorted({told["shard"] for told in kept.values()})
    if where is not None:
        _thin(folder, layout_of(manifest), shards, where)
    files = [*_others(manifest), *shards, *sorted(media_of(kept))]
    cut = {**manifest, "files": describe(folder, files), "samples": dict(kept)}
    retell(folder, cut)
    return cut | {"files": describe(folder, cut["files"])}


def _thin(folder: Path, layout: Layout, shards: Sequence[str], where: Where) -> None:
    with tempfile.TemporaryDirectory(prefix=".thin-", dir=folder) as aside:
        for path in shards:
            for written in layout.thin(folder, Path(aside), path, where.mask).written:
                (Path(aside) / written).replace(folder / written)


def _is_here(target: Path, found: Published, part: Mapping[str, Any] | None) -> bool:
    """Whether an earlier pull has brought exactly this."""
    try:
        manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if manifest.get("digest") != found.digest or manifest.get("subset") != part:
        return False
    files = manifest["files"]
    there = [path for path in files if (target / path).is_file()]
    return len(there) == len(files) and describe(target, files) == files


def _must_be_free(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RemoteError(
            f"{target} is there already, and holds something else",
            reason="pull-exists",
            hint="name another folder: --to DIR",
        )


def _put(staged: Path, target: Path) -> None:
    # Leftovers of the client (its notes on partial downloads) are no part of the release.
    shutil.rmtree(staged / ".cache", ignore_errors=True)
    if target.is_dir():
        target.rmdir()
    os.replace(staged, target)  # noqa: PTH105 - a folder is moved


def _pulled(target: Path, remote: Remote, found: Published, name: str, *, fetched: int) -> Pulled:
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return Pulled(
        folder=target,
        address=remote.address,
        version=name,
        commit=found.commit,
        samples=len(manifest["samples"]),
        files=len(manifest["files"]),
        bytes_fetched=fetched,
    )
