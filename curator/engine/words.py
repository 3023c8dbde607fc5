"""Records as data and durations in words, for what builds and looks report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["duration", "fields"]


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best: ``12.0 s``, ``2.5 min``, ``1.25 h``."""
    if seconds >= 3600:
        return f"{seconds / 3600:.2f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def fields(record: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, one level deep: what ``--json`` shows of it."""
    return {
        name: dict(value) if isinstance(value := getattr(record, name), Mapping) else value
        for name in record.__dataclass_fields__
    }
