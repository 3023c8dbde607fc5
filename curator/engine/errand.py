"""A task on its way to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curator.engine.task import Task

__all__ = ["Errand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A task, with what is needed to record its answer."""

    task: Task
    about: str
    """The pass, for progress: ``open``, ``pass 1``, ``encode``."""
    documents: Mapping[str, Mapping[str, Any]]
    """Key to the document that it hashes."""
    ops: Mapping[str, str]
    """Key to operator."""
    video_seconds: float
