"""A video in hand: what the coordinator remembers of it between two tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curator.engine.beside import Beside, besides, sidecar_urls
from curator.engine.errand import Errand
from curator.engine.job import VideoJob
from curator.model.outcome import Failure
from curator.model.video import VideoRef
from curator.plan.contenders import Contender
from curator.plan.physical import Plan
from curator.plan.verdicts import Verdicts
from curator.source.fingerprint import Observed

__all__ = ["VideoInHand", "by_video"]


@dataclass(slots=True, kw_only=True)
class VideoInHand:
    """A video in hand."""

    ref: VideoRef
    refs: dict[int, VideoRef] = field(default_factory=dict)
    """The same file as each plan names it: with its own rights."""
    plans: dict[int, Plan] = field(default_factory=dict)
    observed: Observed | None = None
    beside: Mapping[str, Observed] = field(default_factory=dict)
    """The files beside it that some plan reads, by url."""
    path: Path | None = None
    """Where to read it, once it is within reach."""
    paths: Mapping[str, Path] = field(default_factory=dict)
    """Where to read the files beside it."""
    stash: list[Errand] = field(default_factory=list)
    """Tasks that wait for that."""
    probe: bytes | None = None
    job: VideoJob | None = None
    verdicts: dict[int, Verdicts] = field(default_factory=dict)
    """Of a video that waits to be encoded."""
    contenders: dict[int, tuple[Contender, ...]] = field(default_factory=dict)
    """Its kept clips, until those of all videos have been looked at together."""
    failure: Failure | None = None
    open: int = 0
    """Tasks that are out or waiting."""

    @property
    def sidecars(self) -> frozenset[str]:
        """Urls of the files beside it that some plan reads."""
        found = (sidecar_urls(plan, self.refs[number]) for number, plan in self.plans.items())
        return frozenset[str]().union(*found)

    def besides(self, number: int) -> dict[str, Beside]:
        """What plan `number` reads beside the video, by role."""
        return besides(
            self.plans[number],
            self.refs[number],
            self.fingerprint,
            lambda url: self.beside[url].fingerprint if url in self.beside else None,
        )

    @property
    def fingerprint(self) -> str:
        """Of its content; known once it has been looked at."""
        assert self.observed is not None, "the video has been looked at"
        return self.observed.fingerprint


def by_video(plans: Sequence[Plan], refs: Sequence[Sequence[VideoRef]]) -> list[VideoInHand]:
    """Each video once, with the plans that want it."""
    found: dict[tuple[str, str], VideoInHand] = {}
    for number, (plan, wanted) in enumerate(zip(plans, refs, strict=True)):
        for ref in wanted:
            video = found.setdefault((ref.source, ref.url), VideoInHand(ref=ref))
            video.refs[number], video.plans[number] = ref, plan
    return list(found.values())
