"""Counting, checking and pruning a store."""

from __future__ import annotations

from collections.abc import Iterator

from curator.store.blobs import Blobs
from curator.store.database import Database, Value
from curator.store.facts import Pruned, Stats, Verified

__all__ = ["check", "prune", "stats"]


def stats(db: Database, blobs: Blobs) -> Stats:
    """How much there is."""
    sizes = [blobs.size(one) or 0 for one in blobs.digests()]
    return Stats(
        keys=_count(db, "SELECT count(*) FROM documents"),
        facts=_count(db, "SELECT count(*) FROM facts"),
        errors=_count(db, "SELECT count(*) FROM facts WHERE error IS NOT NULL"),
        blobs=len(sizes),
        blob_bytes=sum(sizes),
        inline_bytes=_count(db, "SELECT coalesce(sum(length(inline)), 0) FROM facts"),
        database_bytes=db.path.stat().st_size if db.path.exists() else 0,
        pinned_keys=_count(
            db,
            "SELECT count(DISTINCT digest) FROM pins WHERE digest IN (SELECT key FROM documents)",
        ),
    )


def check(db: Database, blobs: Blobs) -> Verified:
    """Read every file and compare with what facts speak of."""
    held = {str(row[0]) for row in db.rows("SELECT DISTINCT digest FROM holds")}
    pinned = {str(row[0]) for row in db.rows("SELECT DISTINCT digest FROM pins")}
    there = list(blobs.digests())
    return Verified(
        blobs=len(there),
        damaged=tuple(one for one in there if not blobs.is_sound(one)),
        missing=tuple(sorted(held - set(there))),
        orphans=tuple(one for one in there if one not in held and one not in pinned),
    )


def prune(db: Database, blobs: Blobs, *, keep_bytes: int, dry_run: bool) -> Pruned:
    """Orphans first, then whole keys in the order in which they were last used.

    A file that several keys speak of goes with the last of them.
    """
    pinned = {str(row[0]) for row in db.rows("SELECT DISTINCT digest FROM pins")}
    holders: dict[str, set[str]] = {}
    by_key: dict[str, set[str]] = {}
    for key, blob in db.rows("SELECT DISTINCT key, digest FROM holds"):
        holders.setdefault(str(blob), set()).add(str(key))
        by_key.setdefault(str(key), set()).add(str(blob))
    sizes = {one: blobs.size(one) or 0 for one in blobs.digests()}
    doomed = [one for one in sizes if one not in holders and one not in pinned]
    inline = {str(key): int(size or 0) for key, size in db.rows(_INLINE)}
    total = sum(sizes.values()) + sum(inline.values()) - sum(sizes[one] for one in doomed)
    freed = sum(sizes[one] for one in doomed)
    keys: list[str] = []
    for key in _by_last_use(db):
        if total <= keep_bytes:
            break
        own = by_key.get(key, set())
        if key in pinned or own & pinned:
            continue
        keys.append(key)
        gone = [one for one in own if holders[one] == {key}]
        for one in own:
            holders[one].discard(key)
        bytes_of_key = sum(sizes.get(one, 0) for one in gone) + inline.get(key, 0)
        doomed += gone
        total -= bytes_of_key
        freed += bytes_of_key
    facts = sum(_count(db, "SELECT count(*) FROM facts WHERE key = ?", (key,)) for key in keys)
    if not dry_run:
        _remove(db, blobs, keys, doomed)
    return Pruned(keys=len(keys), facts=facts, blobs=len(doomed), bytes=freed, kept_bytes=total)


_INLINE = "SELECT key, sum(coalesce(length(inline), 0)) FROM facts GROUP BY key"


def _remove(db: Database, blobs: Blobs, keys: list[str], doomed: list[str]) -> None:
    # Rows first: killed in between, files are orphans, and never facts without their files.
    rows = [(key,) for key in keys]
    with db.transaction():
        for table in ("facts", "holds", "documents"):
            db.execute_many(f"DELETE FROM {table} WHERE key = ?", rows)  # noqa: S608 - our own names
    for one in doomed:
        blobs.remove(one)
    db.execute("VACUUM")


def _by_last_use(db: Database) -> Iterator[str]:
    for row in db.rows("SELECT key FROM documents ORDER BY used, rowid"):
        yield str(row[0])


def _count(db: Database, sql: str, values: tuple[Value, ...] = ()) -> int:
    row = db.row(sql, values)
    assert row is not None
    return int(row[0] or 0)
