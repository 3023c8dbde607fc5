"""What is wrong with a release: where, what, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Fault", "Verification"]

_SHOWN = 50
"""Faults printed; ``--json`` has all."""

_HELP = {
    "file": "fetch the release again, or build it again: the same inputs give the same bytes",
    "manifest": "fetch manifest.json again, or build the release again",
    "schema": "use the version of curator that build.lock.json names, or build the release again",
    "row": "the shard was written by other hands: build the release again",
    "split": "one video must be in one split: build the release again, do not merge splits by hand",
    "media": "the clip was damaged or replaced: fetch the release again, or build it again",
    "sync": "do not train on it: build the release again, and report it if that gives the same",
    "track": "the track is not on the clip's clock: build the release again",
    "source": "the release and the source do not belong together: look at both, then build again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is not as it should be."""

    reason: str
    """Slug: ``checksum``, ``num-frames``, ``skew`` ..."""
    kind: str
    """What it concerns: ``file``, ``manifest``, ``schema``, ``row``, ``split``, ``media``, ``sync``,
    ``track`` or ``source``."""
    file: str
    """Path inside the release."""
    what: str
    """One sentence: what is there and what should be."""
    sample: str | None = None
    """Id of the sample, if it is about one."""

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return _HELP[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked and what was found."""

    folder: str
    version: str
    files: int
    samples: int
    """Rows that were looked at."""
    clips: int
    """Media files that were decoded."""
    sources_compared: int
    """Samples that were compared with their source."""
    cameras_compared: int
    """Clips of further cameras that were compared with theirs."""
    sources_skipped: dict[str, int]
    """Why others were not, and how many."""
    faults: Sequence[Fault]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def lines(self) -> Iterator[str]:
        """For people."""
        for fault in self.faults[:_SHOWN]:
            about = f" sample {fault.sample}:" if fault.sample else ""
            yield f"fault[{fault.reason}]: {fault.file}:{about} {fault.what}"
            yield f"  help: {fault.next_step}"
        if len(self.faults) > _SHOWN:
            kinds = Counter(fault.reason for fault in self.faults[_SHOWN:])
            more = ", ".join(f"{count} {reason}" for reason, count in kinds.most_common())
            yield f"... and {len(self.faults) - _SHOWN} more: {more}"
        cameras = f", {self.cameras_compared} of other cameras" if self.cameras_compared else ""
        yield (
            f"{self.version}: {self.files} files, {self.samples} samples, {self.clips} clips decoded, "
            f"{self.sources_compared} compared with their source{cameras}"
        )
        for why, count in sorted(self.sources_skipped.items()):
            yield f"  {count} not compared: {why}"
        yield "nothing is wrong" if self.is_sound else f"{len(self.faults)} faults"

    def to_json(self) -> dict[str, Any]:
        """Everything, as data."""
        faults = [asdict(fault) | {"next": fault.next_step} for fault in self.faults]
        return asdict(self) | {"faults": faults, "sound": self.is_sound}
