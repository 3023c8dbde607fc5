"""What `curator ops` says of aligners."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

__all__ = ["facts", "names", "page", "row"]


def names() -> list[str]:
    """Every installed aligner."""
    from curator.registry import aligners

    return list(aligners())


def facts(name: str) -> dict[str, Any]:
    """Everything that is known of an aligner.

    Raises:
        MeasureError: ``aligner-unknown``, ``aligner-import``.
    """
    from curator.registry import load_aligner

    loaded = load_aligner(name)
    return {
        "name": name,
        "kind": "aligner",
        "version": loaded.version,
        "about": inspect.getdoc(loaded) or "",
        "tracks": sorted(kind.value for kind in loaded.kinds),
        "measures": {op: dict(settings) for op, settings in loaded.measures.items()},
        "listens": loaded.listens,
        "confidence": loaded.confidence,
    }


def row(fact: Mapping[str, Any]) -> str:
    """One aligner in the list."""
    parts = [f"offsets of {', '.join(fact['tracks'])}", f"from {_from(fact)}"]
    return f"{'; '.join(parts)}\n    confidence: {fact['confidence']}"


def page(fact: Mapping[str, Any]) -> list[str]:
    """One aligner on a page of its own."""
    return [
        f"{fact['name']} (aligner, version {fact['version']})",
        "",
        *fact["about"].splitlines(),
        "",
        f"tracks      {', '.join(fact['tracks'])}",
        f"looks at    {_from(fact)}",
        f"confidence  {fact['confidence']}",
    ]


def _from(fact: Mapping[str, Any]) -> str:
    looked = [f"measure {name}" for name in fact["measures"]]
    return ", ".join([*looked, *(["the sound itself"] if fact["listens"] else [])])
