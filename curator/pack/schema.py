"""The columns of a shard, as Arrow types and as the features that `datasets` reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from curator.model.outcome import CutSheet, Sample, TrackInfo
from curator.pack.entry import ROW_BYTES, Entry
from curator.pack.tracks import cell, column_type, names
from curator.store.series import decode_series

__all__ = [
    "CUT",
    "CUT_TYPE",
    "MEDIA_TYPE",
    "SCHEMA_VERSION",
    "ShardSchema",
    "encoded_schema",
    "readable",
    "with_features",
]

SCHEMA_VERSION = 2
"""Raised when a column that is always there changes its name, type or meaning (docs/reference/sample-schema.md)."""

MEDIA_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""What `datasets.Video` and `datasets.Audio` store."""

CUT = "cut"
"""Column of virtual samples."""
CUT_TYPE = pa.struct(
    [("document", pa.string()), ("boxes", pa.binary()), ("plain_bytes", pa.int64())]
)
"""A `CutSheet`, and what the row counts for when shards are made of it."""

_FIXED: tuple[tuple[str, pa.DataType], ...] = (
    ("url", pa.string()),
    ("source", pa.string()),
    ("fingerprint", pa.string()),
    ("start_seconds", pa.float64()),
    ("end_seconds", pa.float64()),
    ("license", pa.string()),
    ("attribution", pa.string()),
    ("width_px", pa.int32()),
    ("height_px", pa.int32()),
    ("source_width_px", pa.int32()),
    ("source_height_px", pa.int32()),
    ("fps", pa.float64()),
    ("num_frames", pa.int64()),
    ("sample_rate_hz", pa.int32()),
    ("channels", pa.int32()),
    ("num_samples", pa.int64()),
    ("margin", pa.float64()),
    ("split", pa.string()),
)
_CAMERA = "video."
"""What the columns of further cameras begin with."""
_NAMES = "fields."
"""What the columns that name a track's values begin with."""
_DTYPES = {
    "binary": "binary",
    "double": "float64",
    "float": "float32",
    "int32": "int32",
    "int64": "int64",
    "string": "string",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSchema:
    """The columns of all shards of a release; the same whatever a shard happens to hold."""

    video: bool
    """Whether samples have a video track."""
    audio: bool
    """Whether samples have an audio track (a silent source still has a null there)."""
    numbers: Sequence[str]
    """Signals that are numbers, by their names in the recipe."""
    texts: Sequence[str] = ()
    """Signals that are names, such as the codec."""
    tracks: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    """Series that are released with samples: name to the shape of one value."""
    sidecars: Mapping[str, TrackInfo] = field(default_factory=dict)
    """Tracks of sidecars that are released with samples."""
    cameras: Sequence[str] = ()
    """Names of further cameras."""
    virtual: bool = False
    """Whether samples have cut sheets in place of media."""

    @property
    def media(self) -> tuple[str, ...]:
        """The columns that hold media bytes."""
        if self.virtual:
            return ()
        wanted = (("video", self.video), ("audio", self.audio))
        own = [name for name, present in wanted if present]
        return (*own, *(f"{_CAMERA}{name}" for name in self.cameras))

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema with the ``huggingface`` features in its metadata."""
        fields = [pa.field("id", pa.string(), nullable=False)]
        fields += [pa.field(name, MEDIA_TYPE) for name in self.media]
        fields += [pa.field(name, kind) for name, kind in (*_FIXED, *self._signals)]
        fields += [pa.field(f"tracks.{name}", _track_type(s)) for name, s in self.tracks.items()]
        fields += [pa.field(f"tracks.{n}", column_type(i)) for n, i in self.sidecars.items()]
        fields += [pa.field(f"{_NAMES}{n}", pa.list_(pa.string())) for n in self._named]
        fields += [pa.field(CUT, CUT_TYPE)] if self.virtual else []
        return with_features(fields)

    def entry(self, sample: Sample) -> Entry:
        """A sample on its way into a shard."""
        held = {name: getattr(sample, name) for name in ("video", "audio")}
        held |= {f"{_CAMERA}{name}": path for name, path in sample.videos.items()}
        media = {name: path for name in self.media if (path := held.get(name)) is not None}
        return Entry(
            id=sample.id,
            split=sample.split,
            fingerprint=sample.fingerprint,
            url=sample.url,
            media=media,
            plain_bytes=_plain_bytes(sample),
            row=partial(self._row, sample),
        )

    @property
    def _signals(self) -> tuple[tuple[str, pa.DataType], ...]:
        kinds = {name: pa.float64() for name in self.numbers}
        kinds |= {name: pa.string() for name in self.texts}
        return tuple(sorted(kinds.items()))

    def _row(self, sample: Sample) -> dict[str, object]:
        row: dict[str, object] = {
            "id": sample.id,
            "url": readable(sample.url),
            "source": readable(sample.source),
            "fingerprint": sample.fingerprint,
            "start_seconds": float(sample.span.start),
            "end_seconds": float(sample.span.end),
            "license": readable(sample.rights.license),
            "attribution": readable(sample.rights.attribution),
            "margin": sample.margin,
            "split": sample.split,
        }
        for name in ("width_px", "height_px", "source_width_px", "source_height_px"):
            row[name] = getattr(sample, name)
        for name in ("fps", "num_frames"):
            row[name] = getattr(sample, name)
        for name in ("sample_rate_hz", "channels", "num_samples"):
            row[name] = getattr(sample, name)
        if self.virtual:
            row[CUT] = _cut(sample.cut, _plain_bytes(sample))
        return row | self._signal_values(sample) | self._track_values(sample)

    def _track_values(self, sample: Sample) -> dict[str, object]:
        """``seconds`` from the clip's start and ``values``; null where the measure saw nothing."""
        path = sample.tracks.get("tracks")
        held = decode_series(path.read_bytes()) if path is not None else {}
        values: dict[str, object] = {
            f"tracks.{name}": {
                "seconds": (held[name].seconds - float(sample.span.start)).tolist(),
                "values": held[name].values.astype(np.float32).tolist(),
            }
            if name in held
            else None
            for name in self.tracks
        }
        for name, info in self.sidecars.items():
            found = sample.tracks.get(f"tracks.{name}")
            values[f"tracks.{name}"] = None if found is None else cell(info, found, sample.id)
            if name in self._named:
                values[f"{_NAMES}{name}"] = None if found is None else names(found)
        return values

    @property
    def _named(self) -> tuple[str, ...]:
        """Tracks whose values have names: they may be others in each sample, as skeletons are."""
        return tuple(name for name, info in self.sidecars.items() if info.kind != "text")

    def _signal_values(self, sample: Sample) -> dict[str, object]:
        held = {name: signal.value for name, signal in sample.signals.items()}
        values: dict[str, object] = {}
        for name, kind in self._signals:
            value = held.get(name)
            as_text = pa.types.is_string(kind) and value is not None
            values[name] = str(value) if as_text else value
        return values


def encoded_schema(virtual: pa.Schema, media: Sequence[str]) -> pa.Schema:
    """The columns that shards of virtual samples get when these are cut."""
    named, *others = (_without_notes(field) for field in virtual if field.name != CUT)
    fields = [named, *(pa.field(name, MEDIA_TYPE) for name in media), *others]
    return with_features(fields)


def with_features(fields: Sequence[pa.Field], *, plain: Collection[str] = ()) -> pa.Schema:
    """A schema that tells `datasets` what its columns are; media columns in `plain` are bytes to it, and no more."""
    features = _features(fields) | {f.name: _feature(f.type) for f in fields if f.name in plain}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema(fields, metadata=metadata)


def readable(text: str | None) -> str | None:
    """Text that every file format takes: bytes of a file name that are no UTF-8 are spelt out."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


def _plain_bytes(sample: Sample) -> int:
    return ROW_BYTES + sum(path.stat().st_size for path in sample.tracks.values())


def _cut(sheet: CutSheet | None, plain_bytes: int) -> dict[str, object]:
    assert sheet is not None, "a virtual sample has a cut sheet"
    return {"document": sheet.document, "boxes": sheet.boxes, "plain_bytes": plain_bytes}


def _without_notes(field: pa.Field) -> pa.Field:
    """A column as it was before it was written: readers number columns, and name the items of lists."""
    return pa.field(field.name, _plain_type(field.type), nullable=field.nullable)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([_without_notes(part) for part in kind])
    if pa.types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind


def _features(fields: Sequence[pa.Field]) -> dict[str, Any]:
    # Written by hand: importing `datasets` takes seconds, and this format has been stable for years.
    media = {"video": {"_type": "Video"}, "audio": {"_type": "Audio"}}
    return {
        field.name: media[field.name.partition(".")[0]]
        if field.type == MEDIA_TYPE
        else _feature(field.type)
        for field in fields
    }


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "length": -1, "_type": "List"}
    if pa.types.is_struct(kind):
        return {part.name: _feature(part.type) for part in kind}
    return {"dtype": _DTYPES[str(kind)], "_type": "Value"}


def _track_type(shape: tuple[int | None, ...]) -> pa.DataType:
    value = pa.float32()
    for _ in shape:
        value = pa.list_(value)
    return pa.struct([("seconds", pa.list_(pa.float64())), ("values", pa.list_(value))])
