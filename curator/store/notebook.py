"""What builds have learnt, in small tables: costs, pass rates, sealed choices, past builds, fingerprints."""

from __future__ import annotations

import time

from curator.store.database import Database
from curator.store.facts import Build

__all__ = ["Notebook"]


class Notebook:
    """The part of a store that makes the next build better informed, and never changes a result."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def learn(self, op: str, video_seconds: float, seconds: float) -> None:
        """Add a timing: `op` took `seconds` of CPU for `video_seconds` of video."""
        self._db.execute(
            "INSERT INTO timings VALUES (?, ?, ?) ON CONFLICT (op) DO UPDATE SET"
            " video_seconds = video_seconds + excluded.video_seconds,"
            " seconds = seconds + excluded.seconds",
            (op, video_seconds, seconds),
        )

    def cost(self, op: str) -> float | None:
        """CPU seconds per second of video over all timings; None before the first."""
        return self._ratio("SELECT seconds, video_seconds FROM timings WHERE op = ?", op)

    def learn_rate(self, condition: str, seconds_in: float, seconds_out: float) -> None:
        """Add an observation: of `seconds_in` that a condition judged, `seconds_out` passed."""
        self._db.execute(
            "INSERT INTO pass_rates VALUES (?, ?, ?) ON CONFLICT (condition) DO UPDATE SET"
            " seconds_in = seconds_in + excluded.seconds_in,"
            " seconds_out = seconds_out + excluded.seconds_out",
            (condition, seconds_in, seconds_out),
        )

    def rate(self, condition: str) -> float | None:
        """Share of seconds that pass a condition; None before the first observation."""
        return self._ratio(
            "SELECT seconds_out, seconds_in FROM pass_rates WHERE condition = ?", condition
        )

    def sealed(self, name: str) -> str | None:
        """A choice that an earlier build made for good."""
        row = self._db.row("SELECT value FROM seals WHERE name = ?", (name,))
        return None if row is None else str(row[0])

    def seal(self, name: str, value: str) -> str:
        """Make a choice for good; the first one stands. Returns the one that stands."""
        self._db.execute("INSERT OR IGNORE INTO seals VALUES (?, ?)", (name, value))
        standing = self.sealed(name)
        assert standing is not None
        return standing

    def record_build(self, *, name: str, release: str, digest: str, recipe: str) -> None:
        """Note a finished build: recipe name, release folder, digest, resolved recipe as JSON."""
        self._db.execute(
            "INSERT INTO builds (name, release, digest, recipe, created) VALUES (?, ?, ?, ?, ?)",
            (name, release, digest, recipe, time.time()),
        )

    def builds(self, name: str | None = None) -> list[Build]:
        """Finished builds, oldest first; of one recipe name, or of all."""
        rows = self._db.rows(
            "SELECT name, release, digest, recipe, created FROM builds"
            " WHERE ?1 IS NULL OR name = ?1 ORDER BY number",
            (name,),
        )
        return [
            Build(
                name=str(row[0]),
                release=str(row[1]),
                digest=str(row[2]),
                recipe=str(row[3]),
                created=float(row[4] or 0),
            )
            for row in rows
        ]

    def last_build(self, name: str | None = None) -> Build | None:
        """The newest finished build; of one recipe name, or of all."""
        builds = self.builds(name)
        return builds[-1] if builds else None

    def memo(self, path: str, size: int, mtime_ns: int, inode: int) -> str | None:
        """The fingerprint remembered for a file that still looks the same."""
        row = self._db.row(
            "SELECT fingerprint FROM fingerprints"
            " WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = ?",
            (path, size, mtime_ns, inode),
        )
        return None if row is None else str(row[0])

    def remember(self, path: str, size: int, mtime_ns: int, inode: int, fingerprint: str) -> None:
        """Remember a file's fingerprint; a store opened for reading forgets it at once."""
        if not self._db.readonly:
            self._db.execute(
                "INSERT OR REPLACE INTO fingerprints VALUES (?, ?, ?, ?, ?)",
                (path, size, mtime_ns, inode, fingerprint),
            )

    def _ratio(self, sql: str, name: str) -> float | None:
        row = self._db.row(sql, (name,))
        if row is None:
            return None
        top, bottom = (float(part or 0) for part in row)
        return top / bottom if bottom > 0 else None
