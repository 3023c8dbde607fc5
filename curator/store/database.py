"""The SQLite file of a store: its tables, its format, and one connection that threads may share."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from curator.errors import StoreError

__all__ = ["FORMAT", "Database", "Value"]

FORMAT = 1
"""Raised when an older curator could no longer understand the file."""

Value: TypeAlias = str | int | float | bytes | None

_APPLICATION = 0x43555241  # "CURA"

_TABLES = """
CREATE TABLE documents (
    key TEXT PRIMARY KEY, op TEXT NOT NULL, subject TEXT NOT NULL, document TEXT NOT NULL,
    created REAL NOT NULL, used REAL NOT NULL
);
CREATE INDEX documents_by_subject ON documents (op, subject, created);
CREATE TABLE facts (
    key TEXT NOT NULL, first_tile INTEGER NOT NULL, last_tile INTEGER NOT NULL,
    output TEXT NOT NULL, inline BLOB, seconds REAL NOT NULL, error TEXT, message TEXT,
    created REAL NOT NULL, PRIMARY KEY (key, first_tile, last_tile)
);
CREATE TABLE holds (
    key TEXT NOT NULL, first_tile INTEGER NOT NULL, last_tile INTEGER NOT NULL,
    digest TEXT NOT NULL, bytes INTEGER NOT NULL, own INTEGER NOT NULL,
    PRIMARY KEY (key, first_tile, last_tile, digest)
) WITHOUT ROWID;
CREATE INDEX holds_by_digest ON holds (digest);
CREATE TABLE pins (
    name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (name, digest)
) WITHOUT ROWID;
CREATE TABLE timings (op TEXT PRIMARY KEY, video_seconds REAL NOT NULL, seconds REAL NOT NULL);
CREATE TABLE pass_rates (
    condition TEXT PRIMARY KEY, seconds_in REAL NOT NULL, seconds_out REAL NOT NULL
);
CREATE TABLE seals (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE builds (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, release TEXT NOT NULL, digest TEXT NOT NULL,
    recipe TEXT NOT NULL, created REAL NOT NULL
);
CREATE TABLE fingerprints (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, fingerprint TEXT NOT NULL
);
"""


class Database:
    """One connection and a lock around it.

    Raises:
        StoreError: ``store-format-newer``, ``store-damaged`` or ``store-unreadable``.
    """

    def __init__(self, path: Path, *, readonly: bool) -> None:
        self.path = path
        self.readonly = readonly
        self._guard = threading.RLock()
        with _explained(path):
            self._connection = self._connect()
        try:
            with _explained(path):
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """All rows of a query."""
        with self._guard, _explained(self.path):
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Value] = ()) -> tuple[Value, ...] | None:
        """The first row of a query."""
        with self._guard, _explained(self.path):
            found: tuple[Value, ...] | None = self._connection.execute(sql, values).fetchone()
            return found

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """One change, a transaction of its own unless inside `transaction`; how many rows it changed."""
        self._check_writable()
        with self._guard, _explained(self.path):
            return self._connection.execute(sql, values).rowcount

    def execute_many(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        """The same change for many rows; call it inside `transaction`."""
        self._check_writable()
        with self._guard, _explained(self.path):
            self._connection.executemany(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; other threads wait."""
        self._check_writable()
        with self._guard, _explained(self.path):
            # All inside the try: an interrupt at any point must not leave a transaction open.
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def close(self) -> None:
        """Close the connection; nothing uncommitted is open here."""
        with self._guard:
            self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        # A store that was never written (or killed before its tables were there) is an empty one.
        if self.readonly and not (self.path.exists() and self.path.stat().st_size):
            target = ":memory:"
        else:
            mode = "ro" if self.readonly else "rwc"
            target = f"file:{quote(str(self.path.absolute()))}?mode={mode}"
        # Autocommit: transactions are opened by hand, so they are where they are seen.
        return sqlite3.connect(
            target, uri=True, timeout=30, isolation_level=None, check_same_thread=False
        )

    def _prepare(self) -> None:
        run = self._connection.execute
        found = run("PRAGMA user_version").fetchone()[0]
        application = run("PRAGMA application_id").fetchone()[0]
        if found > FORMAT:
            raise StoreError(
                f"{self.path} was written by a newer curator (format {found}; this one reads {FORMAT})",
                reason="store-format-newer",
                hint="update curator, or name another `store.root`",
            )
        is_empty = run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if not is_empty and application != _APPLICATION:
            raise StoreError(
                f"{self.path} is not a store of curator",
                reason="store-damaged",
                hint="name another `store.root`",
            )
        if self.path.exists() and not self.readonly:
            run("PRAGMA journal_mode=WAL")
            run("PRAGMA synchronous=NORMAL")
        if is_empty:
            self._create()

    def _create(self) -> None:
        # One transaction: a process killed here leaves an empty file, never half the tables.
        self._connection.executescript(
            f"BEGIN IMMEDIATE;{_TABLES}PRAGMA application_id={_APPLICATION};"
            f"PRAGMA user_version={FORMAT};COMMIT;"
        )

    def _check_writable(self) -> None:
        if self.readonly:
            raise StoreError(
                f"the store {self.path.parent} was opened for reading only", reason="store-readonly"
            )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"the store {path} cannot be used: {error}",
            reason="store-unreadable",
            hint="is the disk full, or read-only, or a network file system? SQLite needs a local disk",
        ) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"the store {path} is damaged: {error}",
            reason="store-damaged",
            hint="move it away; a build then computes everything anew",
        ) from error
