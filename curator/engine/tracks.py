"""Series as tracks of samples: what a measure saw in a kept clip, released with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from curator.model.series import Series
from curator.model.span import Span
from curator.plan.logical import FORMAT, Node
from curator.plan.physical import Plan
from curator.store.key import digest

__all__ = ["TRACKS", "cut_tracks", "tracks_document"]

TRACKS = "tracks"
"""Operator under which cut tracks are recorded."""
_VERSION = 1


class _Known(Protocol):
    def key(self, node: Node) -> str: ...
    def series(self, node: Node) -> Mapping[str, Series]: ...


def tracks_document(plan: Plan, span: Span, known: _Known) -> dict[str, Any]:
    """The document of the key under which a clip's tracks are kept."""
    inputs = {
        name: digest({"key": known.key(plan.nodes[operand.measure]), "series": operand.series})
        for name, operand in plan.logical.tracks.items()
    }
    return {
        "format": FORMAT,
        "kind": TRACKS,
        "op": TRACKS,
        "version": _VERSION,
        "span": [span.start, span.end],
        "inputs": inputs,
    }


def cut_tracks(plan: Plan, span: Span, known: _Known) -> dict[str, Series]:
    """Track name to its samples inside the clip, on the video's clock; one without samples is left out."""
    out = {}
    for name, operand in plan.logical.tracks.items():
        series = known.series(plan.nodes[operand.measure]).get(operand.series or "")
        inside = None if series is None else series.within(span)
        if inside is not None and len(inside):
            out[name] = inside
    return out
