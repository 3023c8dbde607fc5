"""Whether a release can be made again: built from its lock, compared sample by sample, differences explained."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from curator.engine.progress import Progress
from curator.errors import StoreError
from curator.pack.layouts import layout_of
from curator.pack.schema import MEDIA_TYPE
from curator.release.build import build
from curator.release.diff import Change, ClipChange, diff
from curator.release.read import ReleaseFolder, open_release
from curator.source.commits import Commits, at_commit
from curator.spec.document import recipe_from_document
from curator.spec.recipe import Recipe
from curator.spec.settings import Settings

__all__ = ["Difference", "Rebuilt", "rebuild", "recipe_of_release"]

_MOST_LINES = 20
_PLACES = frozenset({"url", "source"})
"""Columns that say where footage lies; a rebuild may read it elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One sample that is not the same."""

    sample: str
    what: str
    """``missing``, ``new`` or ``changed``."""
    columns: tuple[str, ...] = ()
    """Of a changed one: those that differ."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A release beside the one that was built again."""

    digest: str
    again: str
    folder: Path
    """Of what was built again."""
    same: int
    differences: tuple[Difference, ...]
    causes: tuple[Change, ...]
    """What else differs: settings, versions, weights, footage."""

    @property
    def is_same(self) -> bool:
        """Whether every sample came out the same."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        return {
            "digest": self.digest,
            "rebuilt_digest": self.again,
            "rebuilt": str(self.folder),
            "same": self.same,
            "differences": [dataclasses.asdict(one) for one in self.differences],
            "causes": [
                {"path": one.path, "before": one.before, "after": one.after} for one in self.causes
            ],
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        if self.digest == self.again:
            yield f"built again, byte for byte the same: {self.digest[:12]}, {self.same} samples"
            return
        yield f"built again: {self.same} samples are the same, {len(self.differences)} are not"
        for one in self.differences[:_MOST_LINES]:
            columns = f" ({', '.join(one.columns)})" if one.columns else ""
            yield f"  {one.sample}  {one.what}{columns}  {one.why}"
        if len(self.differences) > _MOST_LINES:
            yield f"  ... {len(self.differences) - _MOST_LINES} more"
        for cause in self.causes[:_MOST_LINES]:
            yield f"  differs: {cause.path}: {cause.before} -> {cause.after}"


def recipe_of_release(release: ReleaseFolder, urls: Mapping[str, str]) -> Recipe:
    """The recipe that a release was built with, its footage where it lies now.

    Footage in repositories of the Hub whose branches have moved since is read at the commits of then.

    Args:
        urls: by name of the source, where its footage is; the others are where they were.

    Raises:
        StoreError: ``rebuild-source`` for a source that the recipe does not have.
    """
    path = release.folder / "recipe.yaml"
    if not path.is_file():
        raise StoreError(f"{release.folder} has no recipe.yaml", reason="release-broken")
    # Not the lock's copy: JSON sorts its keys, and the first condition that fails names the reason.
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, url in urls.items():
        if name not in document["sources"]:
            raise StoreError(
                f"the release has no source '{name}'",
                reason="rebuild-source",
                hint=f"its sources: {', '.join(document['sources'])}",
            )
        document["sources"][name]["url"] = url
    commits = release.lock().get("commits", {})
    for name, source in document["sources"].items():
        if name not in urls:
            source["url"] = _as_then(source["url"], commits)
    return recipe_from_document(document)


def _as_then(url: str, commits: Mapping[str, str]) -> str:
    """A url as it was written while it means the same, else with the commit of then."""
    if not commits:
        return url
    now = Commits().resolve_all([url])
    return (
        url
        if all(commits.get(root) == exact for root, exact in now.items())
        else at_commit(url, commits)
    )


def rebuild(
    release: ReleaseFolder, recipe: Recipe, settings: Settings, progress: Progress
) -> Rebuilt:
    """Build a recipe again and compare with a release.

    Raises:
        CuratorError: when it cannot be built at all.
    """
    (result,) = build([recipe], settings, progress)
    again = open_release(result.release.folder)
    before, after = dict(_rows(release)), dict(_rows(again))
    changes = diff(release.folder, again.folder)
    clips = {
        (one.fingerprint, one.start_seconds): one for one in (*changes.clips_out, *changes.clips_in)
    }
    found = [_missing(one, before[one], clips) for one in sorted(before.keys() - after.keys())]
    found += [
        Difference(sample=one, what="new", why="the release does not have it")
        for one in sorted(after.keys() - before.keys())
    ]
    both = sorted(before.keys() & after.keys())
    for one in both:
        columns = tuple(n for n in before[one] if before[one][n] != after[one].get(n))
        if columns:
            found.append(Difference(sample=one, what="changed", columns=columns))
    return Rebuilt(
        digest=release.digest,
        again=again.digest,
        folder=again.folder,
        same=len(both) - sum(one.what == "changed" for one in found),
        differences=tuple(found),
        causes=tuple(_causes([*changes.settings, *changes.versions, *changes.sources])),
    )


def _missing(
    sample: str,
    cells: Mapping[str, str],
    clips: Mapping[tuple[str | None, float], ClipChange],
) -> Difference:
    key = (json.loads(cells["fingerprint"]), json.loads(cells["start_seconds"]))
    clip = clips.get(key)
    why = "cut otherwise" if clip is None else clip.reason
    return Difference(sample=sample, what="missing", why=why)


def _causes(changes: Sequence[Change]) -> Iterator[Change]:
    """Without places, which may differ, and without the plan, which follows from the recipe."""
    for one in changes:
        is_place = one.path.startswith("sources.") and one.path.endswith(".url")
        if not is_place and not one.path.startswith("plan."):
            yield one


def _rows(release: ReleaseFolder) -> Iterator[tuple[str, dict[str, str]]]:
    """Every sample with its cells as text, media by digest; one row group in memory at a time."""
    shards = sorted({told["shard"] for told in release.manifest["samples"].values()})
    layout = layout_of(release.manifest)
    for path in shards:
        with layout.open(release.folder, path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                for row in table.to_pylist():
                    yield row["id"], _cells(row, table.schema)


def _cells(row: Mapping[str, Any], schema: pa.Schema) -> dict[str, str]:
    out = {}
    for field in schema:
        value = row[field.name]
        if field.name in _PLACES:
            continue
        if field.type == MEDIA_TYPE and value is not None:
            value = hashlib.sha256(value["bytes"]).hexdigest()
        out[field.name] = json.dumps(value, sort_keys=True, default=bytes.hex)
    return out
