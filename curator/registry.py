"""Names to implementations, by entry points: our own measures come in by the same door as a plugin's.

Listing imports nothing; an implementation is imported when a recipe names it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from curator.abc.aligner import Aligner
from curator.abc.measure import Measure
from curator.abc.reader import TrackReader
from curator.abc.shots import ShotDetector
from curator.errors import MeasureError

__all__ = [
    "aligners",
    "load_aligner",
    "load_measure",
    "load_reader",
    "load_shots",
    "measures",
    "nearest",
    "readers",
    "shot_detectors",
]

_ALIGNERS = "curator.aligners"
_MEASURES = "curator.measures"
_READERS = "curator.readers"
_SHOTS = "curator.shots"


@cache
def measures() -> Mapping[str, EntryPoint]:
    """Every installed measure by operator name, sorted; nothing is imported."""
    return _by_name(_MEASURES)


@cache
def shot_detectors() -> Mapping[str, EntryPoint]:
    """Every installed shot detector by operator name, sorted; nothing is imported."""
    return _by_name(_SHOTS)


@cache
def aligners() -> Mapping[str, EntryPoint]:
    """Every installed aligner by operator name, sorted; nothing is imported."""
    return _by_name(_ALIGNERS)


@cache
def readers() -> Mapping[str, EntryPoint]:
    """Every installed reader of sidecars by name, sorted; nothing is imported."""
    return _by_name(_READERS)


def load_aligner(op: str) -> type[Aligner]:
    """The class of aligner `op`.

    Raises:
        MeasureError: ``aligner-unknown``, with the nearest name.
    """
    return cast("type[Aligner]", _load(op, aligners(), "aligner"))


def load_reader(name: str) -> type[TrackReader]:
    """The class of reader `name`.

    Raises:
        MeasureError: ``reader-unknown``, with the nearest name.
    """
    return cast("type[TrackReader]", _load(name, readers(), "reader"))


def load_measure(op: str) -> type[Measure]:
    """The class of measure `op`.

    Raises:
        MeasureError: ``measure-unknown``, with the nearest name.
    """
    return cast("type[Measure]", _load(op, measures(), "measure"))


def load_shots(op: str) -> type[ShotDetector]:
    """The class of shot detector `op`.

    Raises:
        MeasureError: ``shots-unknown``, with the nearest name.
    """
    return cast("type[ShotDetector]", _load(op, shot_detectors(), "shots"))


def nearest(word: str, known: Mapping[str, object] | list[str]) -> str:
    """A hint for a name that does not exist."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names) or 'none'}"


def _load(op: str, known: Mapping[str, EntryPoint], kind: str) -> object:
    if op not in known:
        raise MeasureError(
            f"no {kind} operator is called '{op}'",
            reason=f"{kind}-unknown",
            hint=nearest(op, dict(known)),
        )
    try:
        return known[op].load()
    except (ImportError, AttributeError) as error:
        raise MeasureError(
            f"operator '{op}' cannot be imported: {error}",
            reason=f"{kind}-import",
            hint="install what it needs, or `curator doctor`",
        ) from error


def _by_name(group: str) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda p: p.name)}
