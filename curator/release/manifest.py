"""Which files a release holds, by digest: what makes a version a version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curator.model.outcome import Sample
from curator.pack.layout import Layout
from curator.pack.schema import SCHEMA_VERSION, readable
from curator.pack.shards import Shard
from curator.release.content import FORMAT, ReleaseContent

__all__ = [
    "CONTACT",
    "CROISSANT",
    "VERSION_CHARS",
    "VERSION_FILE",
    "content_digest",
    "describe",
    "manifest",
    "shard_entry",
    "write_json",
]

VERSION_CHARS = 12
CONTACT = "assets/contact.jpg"
"""The contact sheet."""
CROISSANT = "croissant.json"
"""Croissant metadata."""
VERSION_FILE = "version.json"
"""Written when a release is published: what it is called among its versions. No part of the content."""


def describe(folder: Path, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Size and sha256 of files, by their path inside the release."""
    return {path: _describe(folder / path) for path in sorted(paths)}


def content_digest(name: str, content: Mapping[str, Mapping[str, Any]]) -> str:
    """sha256 over the content's digests; the report and the card tell the same and do not count."""
    document = {"format": FORMAT, "name": name, "content": content}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def manifest(
    content: ReleaseContent,
    *,
    digest: str,
    files: Mapping[str, Mapping[str, Any]],
    shards: Sequence[Shard],
    layout: Layout,
) -> dict[str, Any]:
    """The whole release as plain JSON types: its files, and where each sample is."""
    by_id = {sample.id: sample for sample in sorted(content.samples, key=lambda one: one.url)[::-1]}
    return {
        "format": FORMAT,
        "schema": SCHEMA_VERSION,
        "name": content.recipe.name,
        "target": content.recipe.target,
        "layout": layout.name,
        "clips": content.recipe.pack.clips.name,
        "version": digest[:VERSION_CHARS],
        "digest": digest,
        "parent": None,
        "files": dict(files),
        "samples": {
            one: _sample(by_id[one]) | shard_entry(shard, one)
            for shard in shards
            for one in sorted(shard.ids)
        },
    }


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """One canonical form: sorted, indented for people, no NaN."""
    text = json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def shard_entry(shard: Shard, sample: str) -> dict[str, Any]:
    """What a manifest says of where a sample is."""
    media = {"media": list(shard.media[sample])} if shard.media.get(sample) else {}
    return {"split": shard.split, "shard": shard.path, **media}


def _sample(sample: Sample) -> dict[str, Any]:
    cameras = {
        name: {
            "url": readable(origin.url),
            "fingerprint": origin.fingerprint,
            "start": str(origin.span.start),
            "end": str(origin.span.end),
        }
        for name, origin in sorted(sample.origins.items())
    }
    return {
        "key": sample.key,
        "fingerprint": sample.fingerprint,
        "start": str(sample.span.start),
        "end": str(sample.span.end),
        **({"cameras": cameras} if cameras else {}),
    }
