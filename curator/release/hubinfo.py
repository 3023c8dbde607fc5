"""``dataset_info`` of a card: features and sizes, as `datasets` and the Hub's viewer write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curator.pack.layout import Layout
from curator.pack.layouts import PARQUET
from curator.pack.shards import Shard

__all__ = ["dataset_info", "index_features", "yaml_features"]


def index_features(path: Path) -> list[dict[str, Any]]:
    """The columns of an index."""
    return _features_of(pq.read_schema(path))


def dataset_info(folder: Path, shards: Sequence[Shard], layout: Layout = PARQUET) -> dict[str, Any]:
    """Features of the default configuration, and rows and bytes of every split.

    ``num_bytes`` is what the columns take when they are not compressed, ``download_size`` what the
    files take.
    """
    features = _features_of(layout.features(pq.read_schema(folder / shards[0].path)))
    splits: dict[str, dict[str, Any]] = {}
    for shard in shards:
        if not shard.ids:
            continue
        empty = {"name": shard.split, "num_bytes": 0, "num_examples": 0}
        line = splits.setdefault(shard.split, empty)
        line["num_bytes"] += _plain_bytes(folder / shard.path)
        line["num_examples"] += len(shard.ids)
    info: dict[str, Any] = {"config_name": "default", "features": features}
    files = {shard.path for shard in shards}
    files |= {path for shard in shards for held in shard.media.values() for path in held}
    if splits:
        info |= {
            "splits": [splits[name] for name in sorted(splits)],
            "download_size": sum((folder / path).stat().st_size for path in sorted(files)),
            "dataset_size": sum(line["num_bytes"] for line in splits.values()),
        }
    return info


def _features_of(schema: pa.Schema) -> list[dict[str, Any]]:
    return yaml_features(json.loads(schema.metadata[b"huggingface"])["info"]["features"])


def yaml_features(features: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Features of Arrow metadata in the shorter form that cards use."""
    return [{"name": name, **_entry(kind)} for name, kind in features.items()]


def _entry(kind: Mapping[str, Any]) -> dict[str, Any]:
    word = kind.get("_type")
    if word == "List":
        return {"list": _item(kind["feature"])}
    if word == "Value":
        return {"dtype": kind["dtype"]}
    if isinstance(word, str):  # Video, Audio
        return {"dtype": word.lower()}
    return {"struct": yaml_features(kind)}


def _item(kind: Mapping[str, Any]) -> Any:
    entry = _entry(kind)
    return entry.get("dtype") or entry.get("struct") or entry


def _plain_bytes(path: Path) -> int:
    meta = pq.read_metadata(path)
    return sum(meta.row_group(at).total_byte_size for at in range(meta.num_row_groups))
