"""What the store holds: one result of one computation over a run of tiles, and the records around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Build", "Entry", "Fact", "Pruned", "Stats", "Verified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One stored result: of key `key`, over the tiles ``first <= k < last``."""

    key: str
    first: int
    """First tile; 0 together with ``last=0`` for a result that is not per tile (probe, encode)."""
    last: int
    """One past the last tile."""
    output: str
    """SHA-256 of the output's bytes; empty for an error."""
    inline: bytes | None
    """The bytes themselves when they are few."""
    seconds: float
    """CPU seconds that it took."""
    error: str | None = None
    """Slug of the reason why there is no output."""
    message: str | None = None
    """The error in words."""
    blobs: tuple[str, ...] = ()
    """Digests of the files that the output speaks of (an encoded clip); they are there, and are kept with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One result on its way into the store.

    Raises:
        ValueError: unless exactly one of `output` and `error` is given.
    """

    key: str
    """``digest(document)``."""
    document: Mapping[str, object]
    """What was hashed; kept, so that a later miss can be explained."""
    op: str
    """Name of the computation, e.g. ``sharpness`` or ``probe``."""
    subject: str
    """What it was computed on, e.g. the fingerprint of the video."""
    first: int = 0
    last: int = 0
    output: bytes | None = None
    seconds: float = 0.0
    error: str | None = None
    message: str | None = None
    blobs: tuple[str, ...] = ()
    """Digests of files that `output` speaks of; they must have been put before."""

    def __post_init__(self) -> None:
        if (self.output is None) == (self.error is None):
            raise ValueError("an entry has either an output or an error")
        if not (self.first == self.last == 0 or 0 <= self.first < self.last):
            raise ValueError(f"tiles [{self.first}, {self.last}) make no run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One finished build."""

    name: str
    """Name of the recipe."""
    release: str
    """Folder of the release."""
    digest: str
    recipe: str
    """The resolved recipe, JSON."""
    created: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """How much the store holds."""

    keys: int
    facts: int
    errors: int
    """Facts that are errors."""
    blobs: int
    blob_bytes: int
    inline_bytes: int
    database_bytes: int
    pinned_keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What `Store.prune` removed, or would remove."""

    keys: int
    facts: int
    blobs: int
    bytes: int
    """Freed: blobs and inline outputs."""
    kept_bytes: int
    """What is left; above the limit only where everything left is pinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What `Store.check` found."""

    blobs: int
    """How many were read and hashed."""
    damaged: tuple[str, ...]
    """Digests whose file says something else."""
    missing: tuple[str, ...]
    """Digests that facts speak of and no file holds."""
    orphans: tuple[str, ...]
    """Files that no fact speaks of: left by a killed build, removed by the next prune."""
