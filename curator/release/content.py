"""What a release is made of, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from curator.model.outcome import FunnelStep, Outcome, Sample, SignalInfo, TrackInfo
from curator.model.span import Span
from curator.spec.recipe import Recipe

__all__ = ["FORMAT", "Posters", "Release", "ReleaseContent"]

FORMAT = 1
"""Raised when a release folder is laid out in another way."""

Posters = Callable[[str, Span], Sequence[bytes]]
"""A video's fingerprint and a span to a few small JPEG pictures in time order; none when there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseContent:
    """Everything that a release says. Nothing here may depend on the machine, the clock or the run."""

    recipe: Recipe
    document: Mapping[str, Any]
    """The resolved recipe as plain JSON types."""
    outcomes: Sequence[Outcome]
    samples: Sequence[Sample]
    signals: Mapping[str, SignalInfo]
    """By name: every column that `metrics.parquet` shall have."""
    funnel: Sequence[FunnelStep]
    lock: Mapping[str, Any]
    """What else it takes to build this again, as plain JSON types: ``versions``, ``weights``, ``cascade`` ..."""
    posters: Posters
    tracks: Sequence[TrackInfo] = ()
    """Columns ``tracks.NAME`` of the shards."""
    footprints: pa.Table | None = None
    """What later builds compare their clips with, when this one compared its own."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Name of a condition (``keep.voice``) to where its bounds come from, as the recipe's author says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An immutable folder."""

    folder: Path
    version: str
    """The first 12 characters of the digest; the folder's name."""
    digest: str
    """sha256 over the content: shards, tables and lock."""
