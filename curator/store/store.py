"""The store: results by key, written by one process and read by any."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from curator.errors import StoreError
from curator.store.blobs import Blobs
from curator.store.database import Database, Value
from curator.store.facts import Entry, Fact, Pruned, Stats, Verified
from curator.store.housekeeping import check, prune, stats
from curator.store.key import canonical, differences, digest
from curator.store.lock import WriterLock
from curator.store.notebook import Notebook

__all__ = ["INLINE_BYTES", "Store"]

INLINE_BYTES = 4096
"""Outputs up to this size live in their row; larger ones in a file."""

_CHUNK = 500
"""Keys looked up by one query."""

_RECENT = 8
"""How many earlier documents are compared to find the nearest."""

_TOUCH_AFTER_SECONDS = 3600.0
"""A key's time of use is kept this exactly, so that a build that finds everything writes next to nothing."""


class Store(Notebook):
    """One folder: ``facts.db``, ``blobs/``, and ``tmp/`` for what is not finished.

    Use it as a context manager. Threads may share it; processes may not: one process writes,
    any number open it for reading.
    """

    def __init__(self, root: Path, database: Database, lock: WriterLock | None) -> None:
        super().__init__(database)
        self.root = root
        self.scratch = root / "tmp"
        """Folder for unfinished files on the store's own disk; emptied when a writer opens the store."""
        self.notes: list[str] = []
        """What was found damaged or missing, in words; builds go on without it."""
        self._blobs = Blobs(root / "blobs", self.scratch)
        self._lock = lock
        self._touched: set[str] = set()

    @classmethod
    def open(cls, root: Path, *, readonly: bool = False, wait_seconds: float = 0.0) -> Self:
        """Open or make a store.

        Raises:
            StoreError: ``store-busy`` when another process writes to it; ``store-format-newer``,
                ``store-damaged``, ``store-unreadable``, ``store-write``.
        """
        if readonly:
            return cls(root, Database(root / "facts.db", readonly=True), None)
        try:
            root.mkdir(parents=True, exist_ok=True)
            lock = WriterLock(root / "lock", wait_seconds=wait_seconds)
        except OSError as error:
            raise StoreError(
                f"the store {root} cannot be written: {error.strerror or error}",
                reason="store-write",
                hint="name another `store.root`",
            ) from error
        try:
            shutil.rmtree(root / "tmp", ignore_errors=True)  # a killed build's: we are alone now
            (root / "tmp").mkdir(exist_ok=True)
            return cls(root, Database(root / "facts.db", readonly=False), lock)
        except BaseException:
            lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write the times of use, close the file, let the next writer in."""
        try:
            if self._touched and not self._db.readonly:
                with self._db.transaction():
                    self._touch()
        finally:
            self._db.close()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    # Facts

    def facts(self, keys: Iterable[str]) -> dict[str, list[Fact]]:
        """What is known of these keys, sorted by tile; a key that is not known is left out.

        A fact whose file is gone or has another size is left out as well, with a line in `notes`.
        """
        found: dict[str, list[Fact]] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _CHUNK):
            for fact in self._look_up(wanted[start : start + _CHUNK]):
                found.setdefault(fact.key, []).append(fact)
        self._touched.update(found)
        return found

    def record(self, entries: Iterable[Entry]) -> list[Fact]:
        """Write results in one transaction; the facts as they now stand, in the order given.

        A result takes the place of an older one for the same tiles, and of errors that overlap them.

        Raises:
            StoreError: ``store-unreadable``, ``store-write``; then nothing of it was recorded.
        """
        # Files first: a fact never speaks of a file that is not there.
        prepared = [self._prepare(entry) for entry in entries]
        with self._db.transaction():
            for key, document in {entry.key: entry for entry, _, _ in prepared}.items():
                self._write_document(key, document)
            for _, fact, holds in prepared:
                self._write_fact(fact, holds)
            self._touch()
        return [fact for _, fact, _ in prepared]

    def output(self, fact: Fact) -> bytes:
        """The bytes of a fact's output, verified.

        Raises:
            StoreError: ``blob-missing`` or ``blob-damaged``, naming the blob. The fact is then
                forgotten, so the next look-up misses it.
        """
        assert fact.error is None, "an error has no output"
        if fact.inline is not None:
            return fact.inline
        try:
            return self._blobs.read(fact.output)
        except StoreError as error:
            self._lose(fact.output, error.message)
            raise

    def read(self, fact: Fact) -> bytes | None:
        """As `output`, but None (and a line in `notes`) where the file is missing or damaged."""
        try:
            return self.output(fact)
        except StoreError as error:
            if error.reason not in ("blob-missing", "blob-damaged"):
                raise
            return None

    def forget(self, keys: Iterable[str]) -> None:
        """Remove the facts of these keys; their files go with the next prune."""
        rows = [(key,) for key in keys]
        with self._db.transaction():
            self._db.execute_many("DELETE FROM facts WHERE key = ?", rows)
            self._db.execute_many("DELETE FROM holds WHERE key = ?", rows)

    # Explaining

    def document(self, key: str) -> dict[str, Any] | None:
        """What was hashed to `key`."""
        row = self._db.row("SELECT document FROM documents WHERE key = ?", (key,))
        return None if row is None else json.loads(str(row[0]))

    def nearest(
        self, op: str, subject: str, like: Mapping[str, object] | None = None
    ) -> dict[str, Any] | None:
        """The newest document of the same op and subject; with `like`, the one that differs least of the newest few."""
        rows = self._db.rows(
            "SELECT document FROM documents WHERE op = ? AND subject = ?"
            " ORDER BY created DESC, rowid DESC LIMIT ?",
            (op, subject, 1 if like is None else _RECENT),
        )
        documents = [json.loads(str(row[0])) for row in rows]
        if like is not None:
            documents.sort(key=lambda one: len(differences(one, like)))
        return documents[0] if documents else None

    def explain(self, document: Mapping[str, object], op: str, subject: str) -> list[str]:
        """Why `document` misses: the fields in which it differs from the nearest one known.

        Empty when nothing of that op and subject was ever computed, or exactly this was (and some
        of its tiles are missing).
        """
        near = self.nearest(op, subject, like=document)
        return [] if near is None else differences(near, document)

    # Files

    def put(self, data: bytes) -> str:
        """Keep bytes as a file; their SHA-256. They are an orphan until an entry speaks of them."""
        self._writable()
        return self._blobs.put(data)

    def put_file(self, path: Path, *, move: bool = True) -> str:
        """Keep a file; its SHA-256. By default the file itself moves (a rename from `scratch`)."""
        self._writable()
        return self._blobs.put_file(path, move=move)

    def blob_path(self, digest: str) -> Path:
        """Where a file lies; read-only, and not verified."""
        return self._blobs.path(digest)

    def blob(self, digest: str) -> bytes:
        """A file's bytes, verified.

        Raises:
            StoreError: ``blob-missing`` or ``blob-damaged``.
        """
        return self._blobs.read(digest)

    def has(self, digest: str) -> bool:
        """Whether the file is there."""
        return self._blobs.size(digest) is not None

    # Keeping house

    def pin(self, name: str, digests: Iterable[str]) -> None:
        """Keep these keys and files while `name` (a release) is pinned; replaces what it pinned before."""
        with self._db.transaction():
            self._db.execute("DELETE FROM pins WHERE name = ?", (name,))
            self._db.execute_many(
                "INSERT OR IGNORE INTO pins VALUES (?, ?)", ((name, one) for one in digests)
            )

    def unpin(self, name: str) -> None:
        """Let go of what `name` pinned."""
        self._db.execute("DELETE FROM pins WHERE name = ?", (name,))

    def pins(self) -> dict[str, int]:
        """How many keys and files each name pins."""
        rows = self._db.rows("SELECT name, count(*) FROM pins GROUP BY name ORDER BY name")
        return {str(name): int(count or 0) for name, count in rows}

    def stats(self) -> Stats:
        """How much the store holds."""
        return stats(self._db, self._blobs)

    def prune(self, keep_bytes: int, *, dry_run: bool = False) -> Pruned:
        """Remove what was used longest ago until outputs take at most `keep_bytes`; never what is pinned."""
        if not dry_run:
            self._writable()
            with self._db.transaction():
                self._touch()
        return prune(self._db, self._blobs, keep_bytes=keep_bytes, dry_run=dry_run)

    def check(self, *, repair: bool = False) -> Verified:
        """Read and hash every file; with `repair`, forget the facts of those that are not sound."""
        if repair:
            self._writable()
        found = check(self._db, self._blobs)
        if repair:
            for one in (*found.damaged, *found.missing):
                self._lose(one, f"blob {one} was not sound")
        return found

    # Below this line: how

    def _look_up(self, keys: Sequence[str]) -> Iterator[Fact]:
        wanted = (json.dumps(keys),)
        held: dict[tuple[Value, ...], list[tuple[str, int, int]]] = {}
        for key, first, last, blob, size, own in self._db.rows(
            "SELECT key, first_tile, last_tile, digest, bytes, own FROM holds"
            " WHERE key IN (SELECT value FROM json_each(?))",
            wanted,
        ):
            held.setdefault((key, first, last), []).append(
                (str(blob), int(size or 0), int(own or 0))
            )
        for row in self._db.rows(
            "SELECT key, first_tile, last_tile, output, inline, seconds, error, message FROM facts"
            " WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key, first_tile, last_tile",
            wanted,
        ):
            holds = held.get(row[:3], [])
            if self._are_there(holds):
                yield _fact(row, tuple(blob for blob, _, own in holds if not own))

    def _are_there(self, holds: list[tuple[str, int, int]]) -> bool:
        for blob, size, _ in holds:
            if self._blobs.size(blob) != size:
                self.notes.append(f"blob {blob} is missing or cut short; it is computed again")
                return False
        return True

    def _prepare(self, entry: Entry) -> tuple[Entry, Fact, list[tuple[str, int, bool]]]:
        output, inline = "", None
        holds: list[tuple[str, int, bool]] = []
        for blob in entry.blobs:
            size = self._blobs.size(blob)
            assert size is not None, f"an entry speaks of blob {blob}, which was never put"
            holds.append((blob, size, False))
        if entry.output is not None and len(entry.output) <= INLINE_BYTES:
            output, inline = hashlib.sha256(entry.output).hexdigest(), entry.output
        elif entry.output is not None:
            output = self.put(entry.output)
            holds = [hold for hold in holds if hold[0] != output]
            holds.append((output, len(entry.output), True))
        fact = Fact(
            key=entry.key,
            first=entry.first,
            last=entry.last,
            output=output,
            inline=inline,
            seconds=entry.seconds,
            error=entry.error,
            message=entry.message,
            blobs=tuple(blob for blob, _, own in holds if not own),
        )
        return entry, fact, holds

    def _write_document(self, key: str, entry: Entry) -> None:
        assert digest(entry.document) == key, f"key {key} is not the digest of its document"
        now = time.time()
        self._db.execute(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET used = excluded.used",
            (key, entry.op, entry.subject, canonical(entry.document), now, now),
        )

    def _write_fact(self, fact: Fact, holds: list[tuple[str, int, bool]]) -> None:
        run = (fact.key, fact.first, fact.last)
        self._db.execute(
            "DELETE FROM facts WHERE key = ? AND (first_tile = ?2 AND last_tile = ?3"
            " OR error IS NOT NULL AND first_tile < ?3 AND last_tile > ?2)",
            run,
        )
        self._db.execute(
            "DELETE FROM holds WHERE key = ? AND first_tile = ? AND last_tile = ?", run
        )
        self._db.execute(
            "INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*run, fact.output, fact.inline, fact.seconds, fact.error, fact.message, time.time()),
        )
        self._db.execute_many(
            "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?)",
            dict.fromkeys((*run, *hold) for hold in holds),
        )

    def _lose(self, blob: str, why: str) -> None:
        self.notes.append(f"{why}; it is computed again")
        if self._db.readonly:
            return
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM facts WHERE (key, first_tile, last_tile) IN"
                " (SELECT key, first_tile, last_tile FROM holds WHERE digest = ?)",
                (blob,),
            )
            self._db.execute(
                "DELETE FROM holds WHERE (key, first_tile, last_tile) IN"
                " (SELECT key, first_tile, last_tile FROM holds WHERE digest = ?)",
                (blob,),
            )
        self._blobs.remove(blob)

    def _touch(self) -> None:
        now = time.time()
        self._db.execute_many(
            "UPDATE documents SET used = ?1 WHERE key = ?2 AND used < ?3",
            [(now, key, now - _TOUCH_AFTER_SECONDS) for key in self._touched],
        )
        self._touched.clear()

    def _writable(self) -> None:
        if self._db.readonly:
            raise StoreError(
                f"the store {self.root} was opened for reading only", reason="store-readonly"
            )


def _fact(row: tuple[Any, ...], blobs: tuple[str, ...]) -> Fact:
    key, first, last, output, inline, seconds, error, message = row
    return Fact(
        key=key,
        first=first,
        last=last,
        output=output,
        inline=inline,
        seconds=seconds,
        error=error,
        message=message,
        blobs=blobs,
    )
