"""How a build is run. Nothing here may change what it makes, so nothing here enters a key."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

__all__ = ["EngineSpec", "LabelsSpec", "PublishSpec", "Settings", "StoreSpec"]


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """Workers and their limits."""

    workers: int = 0
    """Worker processes; 0 takes one per core."""
    decode_threads: int = 1
    """Decoder threads in each worker."""
    task_seconds: float = 1800.0
    """A task that takes longer is stopped; it costs its video."""
    task_memory_gib: float = 6.0
    """A worker that grows larger is stopped; it costs the video it was on."""
    task_tiles: int = 30
    """Tiles (of 4 s) in one task: long videos are shared between workers, and a killed build loses at most this much."""
    measure_all: bool = False
    """Measure every second with every measure, without the cascade; for calibration and comparison."""
    cascade: str = "declared"
    """``declared``: order passes by the measures' own costs, the same in every store; ``learned``: by costs and pass rates of earlier builds (`curator plan` says when that would be cheaper)."""
    retry_failed: bool = False
    """Try again what an earlier build recorded as failed."""
    spool_gib: float = 20.0
    """Disk for local copies of remote videos."""

    @property
    def worker_count(self) -> int:
        """Worker processes, with 0 taken for one per core."""
        return self.workers or os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class StoreSpec:
    """Where facts and blobs are kept."""

    root: str = ".curator"
    """Folder on a local disk."""


@dataclass(frozen=True, kw_only=True)
class LabelsSpec:
    """Labelled footage that `curator test` compares verdicts with."""

    url: str | None = None
    """CSV, JSON Lines or JSON with ``video``, ``start_seconds``, ``end_seconds``, ``label``, ``why``."""
    right: str | None = None
    """Labels that are right, separated by commas; null takes the recipe's target."""


@dataclass(frozen=True, kw_only=True)
class PublishSpec:
    """Where `curator publish` puts a release. Tokens are never settings: `hf auth login`, or HF_TOKEN."""

    repo: str | None = None
    """``org/name`` on the Hugging Face Hub (of ``HF_ENDPOINT``), a folder (``./x``, ``/x``), or a URL (``s3://bucket/x``)."""
    private: bool = True
    """Whether a dataset that has to be made on the Hub is private; one that is there stays as it is."""
    version: str | None = None
    """``major``, ``minor``, ``patch`` or e.g. ``2.0.0``: more than what changed asks for, never less; null takes that."""
    verify_files: int = 3
    """Files that are pulled back and compared before the version gets its tag; 0 compares listings only."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything about a run that is not the recipe."""

    out: str = "releases"
    """Folder that holds the releases by version."""
    engine: EngineSpec = field(default_factory=EngineSpec)
    store: StoreSpec = field(default_factory=StoreSpec)
    labels: LabelsSpec = field(default_factory=LabelsSpec)
    publish: PublishSpec = field(default_factory=PublishSpec)
