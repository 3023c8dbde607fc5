"""From a virtual release and the footage to the release that would have held its clips, byte for byte."""

from __future__ import annotations

import json
import posixpath
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from curator.engine.cutting import cut_all, find_footage
from curator.errors import SourceError, StoreError
from curator.pack.entry import Entry
from curator.pack.layout import Layout
from curator.pack.layouts import layout_named
from curator.pack.schema import encoded_schema
from curator.pack.shards import Shard, write_entries
from curator.release.card import configs
from curator.release.croissant import croissant_records
from curator.release.hubinfo import dataset_info, index_features
from curator.release.manifest import (
    CROISSANT,
    VERSION_CHARS,
    VERSION_FILE,
    content_digest,
    describe,
    shard_entry,
    write_json,
)
from curator.release.read import NOT_CONTENT, ReleaseFolder
from curator.release.retell import card_matter, join_card, retell
from curator.release.staging import publish, staging
from curator.release.virtual import FACTS, VirtualSamples
from curator.release.write import recipe_text
from curator.source.spool import Spool
from curator.spec.document import recipe_from_document
from curator.spec.recipe import Clips, Recipe
from curator.spec.settings import EngineSpec
from curator.store.store import Store

__all__ = ["Materialized", "materialize"]

_MOST_NAMED = 10
_ABOUT_VIRTUAL = re.compile(r"<!-- virtual -->.*?<!-- /virtual -->\n*", re.DOTALL)
"""What a card says only while there are no clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialized:
    """A release with its clips."""

    folder: Path
    digest: str
    """Of the content; that of a build that encodes, when nothing is missing."""
    samples: int
    missing: Mapping[str, int]
    """Url of a video that was not found to the number of its samples."""
    failed: Mapping[str, str]
    """Id of a sample that could not be cut to why."""

    @property
    def is_whole(self) -> bool:
        """Whether every sample is there."""
        return not self.missing and not self.failed

    def to_json(self) -> dict[str, Any]:
        """The facts, as ``--json`` shows them."""
        return {
            "release": str(self.folder),
            "digest": self.digest,
            "samples": self.samples,
            "missing": dict(self.missing),
            "failed": dict(self.failed),
        }

    def lines(self) -> list[str]:
        """The same for people."""
        out = [f"{self.samples} samples cut, digest {self.digest[:VERSION_CHARS]}"]
        if self.missing:
            out.append(_missing_text(self.missing))
        out += [f"{sample} was not cut: {why}" for sample, why in sorted(self.failed.items())]
        return [*out, f"release  {self.folder}"]


def materialize(
    release: ReleaseFolder,
    sources: Sequence[str],
    target: Path,
    *,
    engine: EngineSpec | None = None,
    partial: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Materialized:
    """Cut the clips of a virtual release out of footage that has the right fingerprints.

    Interrupted, it goes on when called again. `target` appears whole, or not at all.

    Args:
        release: a virtual one, whole or in part.
        sources: where the footage is: files, folders, globs, URLs.
        target: the folder to make.
        engine: workers and their limits.
        partial: make what can be made where footage is missing or broken; else that is refused.
        say: told what is going on.

    Raises:
        StoreError: ``not-virtual``, ``cut-sheet``, ``materialize-exists``.
        SourceError: ``footage-missing`` or ``footage-broken``, unless `partial`; ``source-empty`` ...
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{target} is there already", reason="materialize-exists")
    recipe = _recipe(release)
    samples = VirtualSamples(release, recipe)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.parent / f".{target.name}.cut-{release.digest[:VERSION_CHARS]}"
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(aside))
        cut = _cut(samples, sources, store, engine or EngineSpec(), partial=partial, say=say)
        folder = stack.enter_context(staging(target.parent))
        digest = _write(folder, release, samples, recipe, cut.entries)
        if target.is_dir():
            target.rmdir()
        publish(folder, target)
    shutil.rmtree(aside, ignore_errors=True)
    return Materialized(
        folder=target,
        digest=digest,
        samples=len(cut.entries),
        missing=cut.missing,
        failed=cut.failed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    entries: Sequence[Entry]
    missing: Mapping[str, int]
    failed: Mapping[str, str]


def _cut(
    samples: VirtualSamples,
    sources: Sequence[str],
    store: Store,
    engine: EngineSpec,
    *,
    partial: bool,
    say: Callable[[str], None],
) -> _Cut:
    """Find the footage and cut what it gives."""
    spool = Spool(store.root / "spool", int(engine.spool_gib * 2**30), memo=store)
    wanted = frozenset[str]().union(*(one.files for one in samples.needs.values()))
    names = {posixpath.basename(url) for url in samples.urls.values()}
    found = find_footage(sources, wanted, spool, likely=names, say=say)
    there = {key: one for key, one in samples.needs.items() if one.files <= found.keys()}
    missing = _missing(samples, wanted - found.keys())
    if missing and not partial:
        raise SourceError(
            _missing_text(missing),
            reason="footage-missing",
            hint="name more places: --sources 'more/*.mp4'; or take what there is: --partial",
        )
    held, failed = cut_all(
        there, samples.cutting, found, store=store, spool=spool, engine=engine, say=say
    )
    if failed and not partial:
        why = sorted(set(failed.values()))[0]
        raise SourceError(
            f"{len(failed)} of {len(there)} samples cannot be cut: {why}",
            reason="footage-broken",
            hint="take the others: --partial",
        )
    return _Cut(
        entries=[
            samples.entry(samples.id_of(key), *_files(one, store)) for key, one in held.items()
        ],
        missing=missing,
        failed={samples.id_of(key): why for key, why in failed.items()},
    )


def _files(
    held: Mapping[str, Any], store: Store
) -> tuple[dict[str, Path], dict[str, int | float | None]]:
    """The media of a sample by column, and what is known of them."""
    blobs = {name: held[name] for name in ("video", "audio") if held.get(name)}
    blobs |= {f"video.{name}": blob for name, blob in held.get("cameras", {}).items()}
    media = {column: store.blob_path(blob) for column, blob in blobs.items()}
    return media, {name: held.get(name) for name in FACTS}


def _missing(samples: VirtualSamples, absent: frozenset[str]) -> dict[str, int]:
    """Url of a video to the number of samples that cannot be cut without what is absent."""
    lost = [one.video for one in samples.needs.values() if one.files & absent]
    return {samples.urls[video]: count for video, count in sorted(Counter(lost).items())}


def _missing_text(missing: Mapping[str, int]) -> str:
    count, lost = len(missing), sum(missing.values())
    named = [f"{url} ({number})" for url, number in sorted(missing.items())[:_MOST_NAMED]]
    more = f" and {count - _MOST_NAMED} more" if count > _MOST_NAMED else ""
    what = "video is" if count == 1 else "videos are"
    return (
        f"{count} {what} not among the sources, of {lost} sample{'' if lost == 1 else 's'}: "
        f"{', '.join(named)}{more}"
    )


def _write(
    folder: Path,
    release: ReleaseFolder,
    samples: VirtualSamples,
    recipe: Recipe,
    entries: Sequence[Entry],
) -> str:
    """The release in an empty folder; its digest."""
    assert samples.schema is not None, "a release has a shard, if only an empty one"
    media = [name for name in ("video", "audio") if getattr(recipe.sample, name) is not None]
    media += [f"video.{name}" for name in sorted(recipe.sample.videos)]
    schema = encoded_schema(samples.schema, media)
    layout = layout_named(recipe.pack.layout.name)
    shards = write_entries(
        folder, entries, schema=schema, shard_mib=recipe.pack.shard_mib, layout=layout
    )
    for path in release.manifest["files"]:
        if not path.startswith("data/") and path != VERSION_FILE:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(release.folder / path, folder / path)
    document = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    (folder / "recipe.yaml").write_text(
        recipe_text(_encoded(document)), encoding="utf-8", newline="\n"
    )
    lock = json.loads((folder / "build.lock.json").read_text(encoding="utf-8"))
    write_json(folder / "build.lock.json", {**lock, "recipe": _encoded(lock["recipe"])})
    manifest = _manifest(folder, release, shards) | {"layout": layout.name}
    _tell(folder, manifest, shards, layout)
    manifest["files"] = describe(folder, manifest["files"])
    write_json(folder / "manifest.json", manifest)
    return str(manifest["digest"])


def _manifest(folder: Path, release: ReleaseFolder, shards: Sequence[Shard]) -> dict[str, Any]:
    told = release.manifest["samples"]
    paths = [one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()]
    files = describe(folder, paths)
    content = {path: one for path, one in files.items() if path not in NOT_CONTENT}
    held = {one: told[one] | shard_entry(shard, one) for shard in shards for one in shard.ids}
    manifest = {name: value for name, value in release.manifest.items() if name != "tag"}
    manifest |= {"clips": Clips.encoded.name, "files": files, "samples": held, "parent": None}
    if held.keys() != told.keys():
        manifest["subset"] = {"of": release.digest, "sources": "some are missing"}
    if "subset" not in manifest:
        digest = content_digest(release.name, content)
        manifest |= {"digest": digest, "version": digest[:VERSION_CHARS]}
    return manifest


def _tell(
    folder: Path, manifest: Mapping[str, Any], shards: Sequence[Shard], layout: Layout
) -> None:
    """Card and Croissant metadata of a release that has clips."""
    info = dataset_info(folder, shards, layout)
    readme = folder / "README.md"
    matter, body = card_matter(readme.read_text(encoding="utf-8"))
    splits = [line["name"] for line in info.get("splits", ())] or ["train"]
    matter |= {"dataset_info": [info], "configs": configs(splits, layout)}
    text = join_card(matter, _ABOUT_VIRTUAL.sub("", body))
    readme.write_text(text, encoding="utf-8", newline="\n")
    if (folder / CROISSANT).is_file():
        document = json.loads((folder / CROISSANT).read_text(encoding="utf-8"))
        features = index_features(folder / shards[0].path)
        write_json(folder / CROISSANT, croissant_records(document, features))
    retell(folder, manifest)


def _encoded(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same recipe, with clips."""
    return {**document, "pack": {**document["pack"], "clips": Clips.encoded.name}}


def _recipe(release: ReleaseFolder) -> Recipe:
    path = release.folder / "recipe.yaml"
    if not path.is_file():
        raise StoreError(f"{release.folder} has no recipe.yaml", reason="release-broken")
    return recipe_from_document(yaml.safe_load(path.read_text(encoding="utf-8")))
