"""What became of a dataset over its versions, and where one sample comes from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.errors import RemoteError
from curator.hub.edition import published
from curator.hub.pull import pull_tables
from curator.hub.remote import Remote
from curator.hub.version import Version
from curator.release.read import open_release

__all__ = ["Lineage", "Log", "lineage", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The versions of a dataset, the newest first."""

    address: str
    entries: Sequence[Mapping[str, Any]]
    """Version, commit, digest, number of samples, and the reasons for its number."""

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        return {"dataset": self.address, "versions": [dict(one) for one in self.entries]}

    def lines(self) -> Iterator[str]:
        """The log for people."""
        for entry in self.entries:
            yield (
                f"{entry['tag']}  {entry['samples']} samples  {entry['digest'][:12]}"
                f"  commit {entry['commit'][:12]}"
            )
            for reason in entry["reasons"]:
                yield f"    {reason['level']:<6} {reason['text']}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where one sample comes from, and in which versions it is."""

    address: str
    sample: str
    versions: Sequence[str]
    facts: Mapping[str, Any]
    """Source, rights, span, key, verdict and signals, as its newest version tells them."""
    made_with: Mapping[str, Any]
    """Recipe, versions of software and weights."""

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        return {
            "dataset": self.address,
            "sample": self.sample,
            "versions": list(self.versions),
            **self.facts,
            "made_with": dict(self.made_with),
        }

    def lines(self) -> Iterator[str]:
        """The lineage for people."""
        yield f"{self.sample}  in {self.address} {', '.join(self.versions)}"
        for name, value in self.facts.items():
            if name != "signals":
                yield f"  {name:<16} {value}"
        for name, value in sorted(self.facts["signals"].items()):
            yield f"    {name:<32} {value}"
        for name, value in self.made_with.items():
            if name != "recipe":
                yield f"  {name:<16} {value}"


def log(remote: Remote) -> Log:
    """Every version by its tag, as it tells itself.

    Raises:
        RemoteError: when the remote cannot be read.
    """
    entries = []
    for version, name, commit in _tagged(remote):
        found = published(remote, commit, remote.files(commit))
        if found is None:
            continue
        own: Mapping[str, Any] = next(
            (e for e in found.note["history"] if e["version"] == str(version)), {}
        )
        entries.append(
            {
                "tag": name,
                "version": str(version),
                "commit": commit,
                "digest": found.digest,
                "parent": found.note.get("parent"),
                "samples": len(found.manifest["samples"]),
                "reasons": own.get("reasons", []),
            }
        )
    return Log(address=remote.address, entries=entries)


def lineage(remote: Remote, sample: str) -> Lineage:
    """Where a sample (or the beginning of its id) comes from.

    Raises:
        RemoteError: ``sample-unknown`` when no version holds it.
    """
    held: list[str] = []
    newest: tuple[str, str] | None = None
    for _, name, commit in _tagged(remote):
        found = published(remote, commit, remote.files(commit))
        ids = [one for one in found.manifest["samples"] if one.startswith(sample)] if found else []
        if len(ids) > 1:
            raise RemoteError(
                f"{len(ids)} samples begin with '{sample}'",
                reason="sample-ambiguous",
                hint=f"write more of it: {', '.join(sorted(ids)[:3])}",
            )
        if ids:
            held.append(name)
            newest = newest or (name, ids[0])
    if newest is None:
        raise RemoteError(
            f"no version of {remote.address} holds a sample '{sample}'",
            reason="sample-unknown",
            hint="its id is in the column `id` of the samples and of metrics.parquet",
        )
    return _lineage(remote, newest[0], newest[1], held)


def _tagged(remote: Remote) -> list[tuple[Version, str, str]]:
    found = [(Version.parse(name), name, commit) for name, commit in remote.tags().items()]
    known = [(version, name, commit) for version, name, commit in found if version is not None]
    return sorted(known, reverse=True)


def _lineage(remote: Remote, revision: str, sample: str, held: Sequence[str]) -> Lineage:
    with tempfile.TemporaryDirectory(prefix="curator-lineage-") as folder:
        found, _ = pull_tables(remote, Path(folder), revision)
        release = open_release(Path(folder))
        rows = [row for row in release.metrics().to_pylist() if row["id"] == sample]
        lock = release.lock()
    told, row = found.manifest["samples"][sample], rows[0] if rows else {}
    fixed = ("video", "source", "license", "attribution", "reason", "threshold", "margin")
    signals = {name: value for name, value in row.items() if "." in name and value is not None}
    return Lineage(
        address=remote.address,
        sample=sample,
        versions=held,
        facts={
            **{
                name: told[name]
                for name in ("key", "split", "shard", "fingerprint", "start", "end")
            },
            **{name: row.get(name) for name in fixed},
            "signals": signals,
        },
        made_with={
            "recipe": lock.get("recipe"),
            "versions": lock.get("versions"),
            "weights": lock.get("weights"),
        },
    )
