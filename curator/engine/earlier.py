"""Clips of earlier releases, so that a build can leave out what they have; and of this one, for later builds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curator.errors import StoreError
from curator.model.outcome import Sample
from curator.model.span import Span
from curator.plan.contenders import Contender
from curator.plan.logical import PHASH
from curator.plan.physical import Plan
from curator.select.footprint import Footprint

__all__ = ["FOOTPRINTS", "earlier_clips", "earlier_versions", "footprints_table"]

FOOTPRINTS = "footprints.parquet"
"""The file of a release that holds what later builds compare their clips with."""

_MADE_BY = b"curator.made_by"
_ARRAYS: Mapping[str, tuple[Any, tuple[int, ...]]] = {
    "times": (np.float32, (-1,)),
    "hashes": (np.uint8, (-1, 32)),
    "trace": (np.float16, (-1, 6, 6)),
    "crop_times": (np.float32, (-1,)),
    "crops": (np.uint8, (-1, 6, 32)),
}
"""Type and shape of each array of a footprint; all are stored as little-endian bytes."""
_VECTOR = "vector."


def footprints_table(
    plan: Plan, clips: Sequence[Contender], samples: Iterable[Sample]
) -> pa.Table | None:
    """A row for each sample with what it looks like; None when the plan compares nothing.

    What made it is written beside it, since hashes of another version are not comparable.
    """
    if plan.recipe.distinct is None:
        return None
    found = {(one.fingerprint, one.span): one for one in samples}
    rows = [
        (sample, clip)
        for clip in clips
        if (sample := found.get((clip.fingerprint, clip.span))) is not None
    ]
    rows.sort(key=lambda row: row[0].id)
    columns: dict[str, pa.Array] = {
        "id": pa.array([sample.id for sample, _ in rows], pa.string()),
        "split": pa.array([sample.split for sample, _ in rows], pa.string()),
        "fingerprint": pa.array([clip.fingerprint for _, clip in rows], pa.string()),
        "start": pa.array([str(clip.span.start) for _, clip in rows], pa.string()),
        "end": pa.array([str(clip.span.end) for _, clip in rows], pa.string()),
    }
    if plan.recipe.distinct.pictures:
        for name in _ARRAYS:
            cells = [_bytes(clip.footprint, name) for _, clip in rows]
            columns[name] = pa.array(cells, pa.large_binary())
    for of in _vectors(plan):
        vectors = [clip.vectors.get(of) for _, clip in rows]
        cells = [None if one is None else one.astype("<f4").tobytes() for one in vectors]
        columns[_VECTOR + of] = pa.array(cells, pa.large_binary())
    made_by = json.dumps(_made_by(plan), sort_keys=True).encode()
    return pa.table(columns).replace_schema_metadata({_MADE_BY: made_by})


def earlier_versions(plan: Plan, *, out: Path | None = None) -> dict[str, Path]:
    """The releases that a recipe's ``distinct.against`` names: version to folder.

    Args:
        out: where this build's releases go. A folder of releases that grows with every build
            would make a build depend on the ones before, so it must not be named as a whole.

    Raises:
        StoreError: ``against-out``, or ``not-a-release`` for a folder that holds none.
    """
    distinct = plan.recipe.distinct
    found: dict[str, Path] = {}
    for written in () if distinct is None else distinct.against:
        folder = Path(written)
        if (folder / "manifest.json").is_file():
            found[_manifest(folder)["version"]] = folder
            continue
        if out is not None and folder.resolve() == out.resolve():
            raise StoreError(
                f"'{written}' is where this build writes, so every build would differ from the one before",
                reason="against-out",
                hint="name the versions themselves, e.g. distinct.against=[OUT/0123456789ab]",
            )
        inside = sorted(path.parent for path in folder.glob("[!.]*/manifest.json"))
        if not inside:
            raise StoreError(
                f"'{written}' is no release and holds none",
                reason="not-a-release",
                hint="distinct.against names folders of one version, or folders that hold versions",
            )
        found |= {_manifest(one)["version"]: one for one in inside}
    return dict(sorted(found.items()))


def earlier_clips(plan: Plan, versions: Mapping[str, Path]) -> Iterator[Contender]:
    """Every sample of these releases.

    Raises:
        StoreError: ``against-no-footprints`` or ``against-other-version`` when one cannot be compared.
    """
    for version, folder in versions.items():
        path = folder / FOOTPRINTS
        if not path.is_file():
            raise StoreError(
                f"release {version} cannot be compared with: it has no {FOOTPRINTS}",
                reason="against-no-footprints",
                hint=f"build {folder} again with `distinct: {{}}`; its samples will be the same",
            )
        table = pq.read_table(path)
        made_by = json.loads((table.schema.metadata or {}).get(_MADE_BY, b"{}"))
        for name, document in _made_by(plan).items():
            if made_by.get(name) != document:
                raise StoreError(
                    f"release {version} cannot be compared with: its '{name}' is of another kind",
                    reason="against-other-version",
                    hint="build it again with the same measures and this version",
                )
        for row in table.to_pylist():
            yield _contender(plan, version, row)


def _contender(plan: Plan, version: str, row: Mapping[str, Any]) -> Contender:
    pictures = plan.recipe.distinct is not None and plan.recipe.distinct.pictures
    vectors = {of: row[_VECTOR + of] for of in _vectors(plan)}
    return Contender(
        fingerprint=row["fingerprint"],
        span=Span(Fraction(row["start"]), Fraction(row["end"])),
        name=f"{version}:{row['id']}",
        source="",
        signals={},
        footprint=_footprint(row) if pictures and row["hashes"] is not None else None,
        vectors={
            of: np.frombuffer(held, "<f4").astype(np.float32)
            for of, held in vectors.items()
            if held is not None
        },
        earlier_split=row["split"],
    )


def _footprint(row: Mapping[str, Any]) -> Footprint:
    arrays: dict[str, npt.NDArray[Any]] = {
        name: np.frombuffer(row[name], np.dtype(kind).newbyteorder("<")).astype(kind).reshape(shape)
        for name, (kind, shape) in _ARRAYS.items()
    }
    return Footprint(**arrays)


def _bytes(footprint: Footprint | None, name: str) -> bytes | None:
    if footprint is None:
        return None
    array: npt.NDArray[Any] = getattr(footprint, name)
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def _vectors(plan: Plan) -> list[str]:
    distinct = plan.recipe.distinct
    return [] if distinct is None else [one.of for one in distinct.vectors.values()]


def _made_by(plan: Plan) -> dict[str, Any]:
    """What computed each kind of evidence, as far as it changes the numbers."""
    distinct = plan.recipe.distinct
    wanted = {operand.name: operand.measure for operand in plan.logical.vectors}
    wanted = {of: measure for of, measure in wanted.items() if of in _vectors(plan)}
    if distinct is not None and distinct.pictures:
        wanted[PHASH] = PHASH
    out = {}
    for name, measure in wanted.items():
        document = plan.nodes[measure].document(fingerprint="", grid="")
        document.pop("inputs")
        out[name] = document
    return out


def _manifest(folder: Path) -> Mapping[str, Any]:
    try:
        document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return {"version": str(document["version"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"release '{folder}' cannot be read: {error}",
            reason="release-broken",
            hint="build it again: the same inputs give the same bytes",
        ) from error
