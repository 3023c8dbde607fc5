"""From what a build found out to an immutable folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from curator.engine.earlier import FOOTPRINTS
from curator.model.clip import Unit
from curator.model.span import Span
from curator.pack.layout import Layout
from curator.pack.layouts import PARQUET, layout_named
from curator.pack.schema import ShardSchema
from curator.pack.shards import Shard, write_shards
from curator.pack.table import write_table
from curator.release.card import card
from curator.release.contact import contact_sheet
from curator.release.content import Release, ReleaseContent
from curator.release.croissant import croissant
from curator.release.hubinfo import dataset_info, index_features
from curator.release.lock import lock
from curator.release.manifest import (
    CONTACT,
    CROISSANT,
    VERSION_CHARS,
    content_digest,
    describe,
    manifest,
    write_json,
)
from curator.release.report import report
from curator.release.staging import publish, staging
from curator.release.tables import failures_table, metrics_table, shots_table, text_signals
from curator.spec.recipe import Clips

__all__ = ["recipe_text", "write"]


def write(out: Path, content: ReleaseContent) -> Release:
    """Write the release below `out`, under its version; nothing is seen there before all of it is.

    The same content gives the same bytes, whatever the order, the machine or the folder. A version
    that is already there is left alone when it is whole, and replaced when bytes of it changed.

    Raises:
        StoreError: ``split-name``, ``sample-too-large``.
        OSError: when the disk does not take it; the staged files are removed.
    """
    if content.recipe.pack.clips is Clips.virtual:
        content = replace(content, posters=_no_pictures)
    with staging(out) as folder:
        shards = _write_content(folder, content)
        described = describe(folder, _paths(folder))
        digest = content_digest(content.recipe.name, described)
        version = digest[:VERSION_CHARS]
        told = _write_told(folder, content, shards, described, version=version, digest=digest)
        files = described | describe(folder, told)
        layout = _layout(content)
        document = manifest(content, digest=digest, files=files, shards=shards, layout=layout)
        write_json(folder / "manifest.json", document)
        target = out / version
        if _is_same(target, folder, files):
            os.utime(target)  # built again, so it is the newest
        else:
            publish(folder, target)
    return Release(folder=target, version=version, digest=digest)


def _write_content(folder: Path, content: ReleaseContent) -> tuple[Shard, ...]:
    names = _signal_names(content)
    shards = write_shards(
        folder,
        content.samples,
        schema=_shard_schema(content),
        shard_mib=content.recipe.pack.shard_mib,
        layout=_layout(content),
    )
    metrics = metrics_table(content.outcomes, content.samples, signals=names)
    write_table(folder / "metrics.parquet", metrics)
    write_table(folder / "shots.parquet", shots_table(content.outcomes, signals=names))
    write_table(folder / "failures.parquet", failures_table(content.outcomes))
    if content.footprints is not None:
        write_table(folder / FOOTPRINTS, content.footprints)
    write_json(folder / "build.lock.json", lock(content))
    _write_text(folder / "recipe.yaml", recipe_text(content.document))
    return shards


def _write_told(
    folder: Path,
    content: ReleaseContent,
    shards: Sequence[Shard],
    described: Mapping[str, Mapping[str, Any]],
    *,
    version: str,
    digest: str,
) -> list[str]:
    """What only tells of the content; the paths."""
    told = ["README.md", "report.html", CROISSANT]
    jpeg = contact_sheet(content)
    if jpeg is not None:
        (folder / CONTACT).parent.mkdir()
        (folder / CONTACT).write_bytes(jpeg)
        told.append(CONTACT)
    layout = _layout(content)
    info = dataset_info(folder, shards, layout)
    contact = None if jpeg is None else CONTACT
    readme = card(
        content, version=version, digest=digest, info=info, contact=contact, layout=layout
    )
    _write_text(folder / "README.md", readme)
    _write_text(folder / "report.html", report(content, version=version, digest=digest))
    features = index_features(folder / shards[0].path)
    document = croissant(content, features, described, version=f"0.0.0+{version}", layout=layout)
    write_json(folder / CROISSANT, document)
    return told


def _layout(content: ReleaseContent) -> Layout:
    """Without clips there is nothing to lay out."""
    pack = content.recipe.pack
    return PARQUET if pack.clips is Clips.virtual else layout_named(pack.layout.name)


def _shard_schema(content: ReleaseContent) -> ShardSchema:
    held = [sample.signals for sample in content.samples]
    known = {name for signals in held for name in signals} | _clip_signals(content)
    texts = text_signals([*held, *(row.signals for one in content.outcomes for row in one.rows)])
    return ShardSchema(
        video=content.recipe.sample.video is not None,
        audio=content.recipe.sample.audio is not None,
        numbers=sorted(known - texts),
        texts=sorted(known & texts),
        tracks={one.name: one.shape for one in content.tracks if one.kind == "series"},
        cameras=sorted(content.recipe.sample.videos),
        sidecars={one.name: one for one in content.tracks if one.kind != "series"},
        virtual=content.recipe.pack.clips is Clips.virtual,
    )


def _clip_signals(content: ReleaseContent) -> set[str]:
    return set(content.signals) | {
        name
        for outcome in content.outcomes
        for row in outcome.rows
        if row.unit is Unit.clip
        for name in row.signals
    }


def _signal_names(content: ReleaseContent) -> Sequence[str]:
    rows = (row.signals for outcome in content.outcomes for row in outcome.rows)
    shots = (signals for outcome in content.outcomes for signals in outcome.shot_signals)
    return sorted({*content.signals, *(name for held in (*rows, *shots) for name in held)})


def _paths(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]


def _is_same(target: Path, folder: Path, files: Mapping[str, Mapping[str, Any]]) -> bool:
    if not target.is_dir() or sorted(_paths(target)) != sorted(_paths(folder)):
        return False
    manifests = [(one / "manifest.json").read_bytes() for one in (target, folder)]
    return manifests[0] == manifests[1] and describe(target, files) == files


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _no_pictures(_fingerprint: str, _span: Span) -> Sequence[bytes]:
    """Of a virtual release: its report and its contact sheet show no footage either."""
    return ()


def recipe_text(document: Mapping[str, Any]) -> str:
    """``recipe.yaml``."""
    return str(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100))
