"""The rows of the shards: columns as documented, each sample once, where the manifest says, in one split."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pyarrow as pa

from curator.errors import StoreError
from curator.pack.layouts import layout_of
from curator.pack.schema import CUT, CUT_TYPE, MEDIA_TYPE, SCHEMA_VERSION, ShardSchema
from curator.release.read import ReleaseFolder
from curator.release.verify.faults import Fault

__all__ = ["CameraOrigin", "Row", "Rows"]

_MOST_ROWS = 8
"""At a time in memory: rows hold whole clips."""
_FIXED = ShardSchema(video=False, audio=False, numbers=()).arrow
_MEDIA = ("video", "audio")
_LIKE_METRICS = (pa.float64(), pa.string())


@dataclass(frozen=True, slots=True)
class CameraOrigin:
    """The file that one more camera wrote, and which part of it a sample shows."""

    url: str
    fingerprint: str
    start: Fraction
    """On the file's own clock."""
    end: Fraction


@dataclass(frozen=True, slots=True)
class Row:
    """One sample as a reader gets it."""

    shard: str
    """Path inside the release."""
    values: Mapping[str, Any]
    seconds: Fraction
    """Length of the clip, exact where the manifest knows it."""
    start: Fraction
    end: Fraction
    cameras: Mapping[str, CameraOrigin] = field(default_factory=dict)
    """What the columns ``video.NAME`` were cut from, by name, as the manifest says."""

    @property
    def id(self) -> str:
        """Id of the sample."""
        return str(self.values["id"])

    def fault(self, reason: str, kind: str, what: str) -> Fault:
        """A fault of this sample."""
        return Fault(reason=reason, kind=kind, file=self.shard, sample=self.id, what=what)


@dataclass(slots=True)
class Rows:
    """Reads every row once; what is wrong with them comes to `faults`."""

    release: ReleaseFolder
    faults: list[Fault] = field(default_factory=list)
    _seen: dict[str, str] = field(default_factory=dict)
    """Id to shard."""
    _splits: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """Fingerprint to the splits that it is in, each with one sample."""

    def read(self) -> Iterator[Row]:
        """Every row of every shard, in order."""
        columns: pa.Schema | None = None
        layout = layout_of(self.release.manifest)
        indices = layout.indices(self.release.folder)
        for path in sorted(path for held in indices.values() for path in held):
            try:
                with layout.open(self.release.folder, path) as file:
                    schema = file.schema_arrow
                    if self.release.manifest.get("schema") == SCHEMA_VERSION:
                        self.faults += _check_columns(path, schema, columns)
                    columns = columns or schema
                    for batch in file.iter_batches(batch_size=_MOST_ROWS):
                        for values in batch.to_pylist():
                            yield from self._row(path, values)
                for what in layout.differences(self.release.folder, path):
                    self._note("shard-differs", "file", path, what)
            except (OSError, pa.ArrowException) as error:
                self._note("shard-unreadable", "file", path, f"cannot be read: {error}")
        self._check_all()

    def _row(self, path: str, values: Mapping[str, Any]) -> Iterator[Row]:
        name = values.get("id")
        if not name or values.get("start_seconds") is None or values.get("end_seconds") is None:
            self._note("no-identity", "row", path, "a row has no id or no span", sample=name)
            return
        start, end = (Fraction(values[side]) for side in ("start_seconds", "end_seconds"))
        told = self.release.manifest["samples"].get(name)
        if told is not None:
            start, end = self._compare(path, values, told)
        if not 0 <= start < end:
            self._note("span", "row", path, f"its span {start}..{end} is none", sample=name)
            return
        if name in self._seen:
            what = f"the same id is in {self._seen[name]}"
            self._note("id-twice", "row", path, what, sample=name)
        self._seen.setdefault(name, path)
        self._splits[values["fingerprint"]].setdefault(values["split"], name)
        yield Row(path, values, end - start, start, end, _cameras(told))

    def _compare(
        self, path: str, values: Mapping[str, Any], told: Mapping[str, Any]
    ) -> tuple[Fraction, Fraction]:
        start, end = Fraction(told["start"]), Fraction(told["end"])
        expected = {
            "split": told["split"],
            "fingerprint": told["fingerprint"],
            "start_seconds": float(start),
            "end_seconds": float(end),
        }
        for column, value in expected.items():
            if values.get(column) != value:
                what = f"{column} is {values.get(column)!r}, the manifest says {value!r}"
                self._note("manifest-differs", "row", path, what, sample=values["id"])
        if told["shard"] != path:
            what = f"the manifest says it is in {told['shard']}"
            self._note("manifest-differs", "row", path, what, sample=values["id"])
        return start, end

    def _check_all(self) -> None:
        """What only shows when all rows are known."""
        told = self.release.manifest["samples"]
        for name in sorted(told.keys() - self._seen.keys()):
            what = "the manifest lists the sample, but no shard has it"
            self._note("row-missing", "row", told[name]["shard"], what, sample=name)
        for name in sorted(self._seen.keys() - told.keys()):
            what = "the manifest does not list the sample"
            self._note("row-unknown", "row", self._seen[name], what, sample=name)
        for found in self._splits.values():
            if len(found) > 1:
                clips = ", ".join(f"{split} ({name})" for split, name in sorted(found.items()))
                what = f"its source is in more than one split: {clips}"
                name = min(found.values())
                self._note("split-leak", "split", self._seen[name], what, sample=name)
        if "subset" not in self.release.manifest:
            self._check_metrics()

    def _check_metrics(self) -> None:
        try:
            kept = self.release.metrics().column("id").to_pylist()
        except (StoreError, KeyError) as error:
            self._note("table-unreadable", "file", "metrics.parquet", str(error))
            return
        # One id is one content: a second url with the same bytes has the same ids.
        for name in sorted({one for one in kept if one} ^ self._seen.keys()):
            there, missing = ("a shard", "metrics.parquet") if name in self._seen else ("metrics.parquet", "any shard")  # fmt: skip
            what = f"is in {there} and not in {missing}"
            self._note("metrics-differ", "row", self._seen.get(name, "metrics.parquet"), what, sample=name)  # fmt: skip

    def _note(
        self, reason: str, kind: str, file: str, what: str, *, sample: str | None = None
    ) -> None:
        self.faults.append(Fault(reason=reason, kind=kind, file=file, sample=sample, what=what))


def _cameras(told: Mapping[str, Any] | None) -> dict[str, CameraOrigin]:
    held = {} if told is None else told.get("cameras", {})
    return {
        name: CameraOrigin(
            one["url"], one["fingerprint"], Fraction(one["start"]), Fraction(one["end"])
        )
        for name, one in held.items()
    }


def _check_columns(path: str, schema: pa.Schema, others: pa.Schema | None) -> Iterator[Fault]:
    """Columns against docs/reference/sample-schema.md, and against the other shards."""
    if others is not None and not schema.equals(others):
        yield _column(path, "its columns are not those of the other shards")
    names = set(schema.names)
    for field_ in _FIXED:
        if field_.name not in names:
            yield _column(path, f"column '{field_.name}' is missing")
        elif schema.field(field_.name).type != field_.type:
            yield _column(path, f"column '{field_.name}' is {schema.field(field_.name).type}, not {field_.type}")  # fmt: skip
    for field_ in schema:
        if field_.name not in _FIXED.names and not _is_known(field_):
            yield _column(path, f"column '{field_.name}' has the undocumented type {field_.type}")
    features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    if set(features.get("info", {}).get("features", {})) != names:
        yield _column(path, "the features for `datasets` do not name its columns")


def _is_known(field_: pa.Field) -> bool:
    if field_.name in _MEDIA or field_.name.startswith("video."):
        return bool(field_.type == MEDIA_TYPE)
    if field_.name.startswith("tracks."):
        return bool(pa.types.is_struct(field_.type) or pa.types.is_list(field_.type))
    if field_.name == CUT:
        return bool(field_.type == CUT_TYPE)
    return any(field_.type == kind for kind in _LIKE_METRICS)


def _column(path: str, what: str) -> Fault:
    return Fault(reason="column", kind="schema", file=path, what=what)
