"""Takes published footage back: the next version is without it, and no later one brings it again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.errors import RemoteError, UsageError
from curator.hub.edition import Published, published
from curator.hub.hugging_face import HuggingFaceRemote
from curator.hub.publish import publish
from curator.hub.pull import pull_tables
from curator.hub.remote import Remote
from curator.hub.report import PublishReport
from curator.hub.tombstones import Tombstone
from curator.hub.withdraw import buried
from curator.pack.layouts import layout_of
from curator.release.read import ReleaseFolder, open_release
from curator.spec.settings import PublishSpec

__all__ = ["Takedown", "Target", "takedown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be taken back: exactly one of these."""

    source: str | None = None
    """Url of a video, as the release writes it."""
    fingerprint: str | None = None
    """Of a video's content, or its beginning."""
    sample: str | None = None
    """Id of a sample, or its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takedown:
    """What was taken back, and what still can be reached."""

    published: PublishReport
    samples: Sequence[str]
    tombstones: Sequence[Tombstone]
    reachable: Sequence[str]
    """Versions that still hold it."""
    remove: Sequence[str]
    """Commands that remove the history; they cannot be undone."""

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        return {
            **self.published.to_json(),
            "samples": list(self.samples),
            "fingerprints": [one.fingerprint for one in self.tombstones],
            "still_reachable": list(self.reachable),
            "to_remove": list(self.remove),
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        yield f"taken back: {len(self.samples)} samples ({', '.join(self.samples[:5])})"
        yield from self.published.lines()
        if self.reachable:
            yield (
                f"STILL REACHABLE in {', '.join(self.reachable)}: versions are never changed. "
                "To remove the history for good (nobody can pull the old versions then):"
            )
            yield from (f"  {command}" for command in self.remove)


def takedown(
    remote: Remote,
    target: Target,
    spec: PublishSpec,
    *,
    reason: str,
    say: Callable[[str], None],
    dry_run: bool = False,
) -> Takedown:
    """Publish the next version of a dataset without some footage, and a tombstone that keeps it out.

    Only the shards that held it are fetched and written again.

    Raises:
        UsageError: ``takedown-nothing`` when the newest version holds no such thing.
        RemoteError: as `publish` and `pull`.
    """
    head = remote.head()
    files = remote.files(head) if head is not None else {}
    last = published(remote, head, files) if head is not None else None
    if head is None or last is None:
        raise RemoteError(
            f"{remote.address} has no version to take anything back from",
            reason="remote-empty",
        )
    with tempfile.TemporaryDirectory(prefix="curator-takedown-") as aside:
        folder = Path(aside) / "head"
        pull_tables(remote, folder, head)
        release = open_release(folder)
        stones = _stones(release, target, reason, str(last.version))
        gone = buried(release, stones)
        for path in _needed(last.manifest, gone):
            say(f"fetching {path}")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            remote.download(path, head, folder)
        report = publish(folder, remote, spec, say=say, dry_run=dry_run, burying=stones)
    return Takedown(
        published=report,
        samples=sorted(gone),
        tombstones=stones,
        reachable=_reachable(remote, stones, last),
        remove=_commands(remote),
    )


def _needed(manifest: Mapping[str, Any], gone: Collection[str]) -> list[str]:
    """What must be written again; and the index of one more shard where all of these will be empty, to know the columns."""
    layout = layout_of(manifest)
    samples = manifest["samples"]
    affected = {samples[one]["shard"] for one in gone}
    rest = {told["shard"] for one, told in samples.items() if one not in gone}
    needed = {one for path in affected for one in (path, *layout.companions(path))}
    if rest and not rest & affected:
        needed.add(min(rest, key=lambda path: (manifest["files"][path]["bytes"], path)))
    return sorted(needed)


def _stones(
    release: ReleaseFolder, target: Target, reason: str, version: str
) -> tuple[Tombstone, ...]:
    rows = release.metrics().select(["video", "fingerprint", "id", "start", "end"]).to_pylist()
    stones = {stone for row in rows if (stone := _stone(row, target, reason, version)) is not None}
    if not stones:
        what = target.source or target.fingerprint or target.sample
        raise UsageError(
            f"the newest version holds nothing of '{what}'",
            reason="takedown-nothing",
            hint="urls, fingerprints and ids are in its metrics.parquet; `curator log DATASET --sample ID`",
        )
    return tuple(sorted(stones, key=lambda one: (one.fingerprint or "", one.start or "")))


def _stone(row: Mapping[str, Any], target: Target, reason: str, version: str) -> Tombstone | None:
    said = {"reason": reason, "since": version}
    if target.sample is not None:
        if row["id"] is None or not row["id"].startswith(target.sample):
            return None
        return Tombstone(fingerprint=row["fingerprint"], start=row["start"], end=row["end"], **said)
    if target.source is not None and row["video"] == target.source:
        return Tombstone(fingerprint=row["fingerprint"], url=row["video"], **said)
    named = target.fingerprint
    if named is not None and (row["fingerprint"] or "").startswith(named):
        return Tombstone(fingerprint=row["fingerprint"], **said)
    return None


def _reachable(remote: Remote, stones: Sequence[Tombstone], last: Published) -> tuple[str, ...]:
    """Tags whose manifests name samples of what was taken back."""
    fingerprints = {one.fingerprint for one in stones}
    out = []
    for name, commit in sorted(remote.tags().items()):
        found = last if commit == last.commit else published(remote, commit, remote.files(commit))
        held = found.manifest["samples"].values() if found is not None else ()
        if any(told["fingerprint"] in fingerprints for told in held):
            out.append(name)
    return tuple(out)


def _commands(remote: Remote) -> tuple[str, ...]:
    """What removes old commits from a remote, for people to run."""
    if isinstance(remote, HuggingFaceRemote):
        where = f'"{remote.address}", repo_type="dataset"'
        return (
            f"for each old version: hf repo tag delete {remote.address} vX.Y.Z --repo-type dataset",
            f"python -c 'from huggingface_hub import HfApi; HfApi().super_squash_history({where})'",
        )
    return (f"delete the old commits and tags below {remote.address} by hand",)
