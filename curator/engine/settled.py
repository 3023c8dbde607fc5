"""The clips of all videos looked at together, from stored facts alone: for previews and explanations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from curator.engine.earlier import earlier_clips, earlier_versions
from curator.engine.known import VideoKnown
from curator.media.probe import Probe
from curator.model.clip import Decision, Row, Unit
from curator.model.span import Span
from curator.model.video import VideoInfo, VideoRef
from curator.pack.schema import readable
from curator.plan.contenders import Contender, contenders
from curator.plan.physical import Plan
from curator.plan.settle import Settled, settle
from curator.plan.verdicts import Verdicts

__all__ = ["SAME_CONTENT", "kept_clips", "once", "released", "same_content", "settle_seen"]

SAME_CONTENT = "same-content"
"""Reason of a whole video whose bytes lie at another url, which counts."""


class _Seen(Protocol):
    @property
    def ref(self) -> VideoRef: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def probe(self) -> Probe: ...

    @property
    def known(self) -> VideoKnown: ...


def kept_clips(plan: Plan, video: _Seen, verdicts: Verdicts) -> tuple[Contender, ...]:
    """The clips of one video that every threshold keeps, ready to be compared; none when nothing compares them."""
    if not plan.logical.settles:
        return ()
    return contenders(
        plan,
        url=readable(video.ref.url) or "",
        source=video.ref.source,
        fingerprint=video.fingerprint,
        rows=verdicts.rows,
        known=video.known,
    )


def settle_seen(
    plan: Plan,
    clips: Sequence[Contender],
    *,
    out: Path | None = None,
) -> Settled:
    """What is decided over the clips of all videos.

    Args:
        clips: of all videos, as `kept_clips` gave them.
        out: where a build would write its releases.

    Raises:
        StoreError: when an earlier release that the recipe names cannot be compared with.
        MeasureError: ``dedup-missing``.
    """
    if not plan.logical.settles:
        return Settled()
    return settle(plan, [*clips, *earlier_clips(plan, earlier_versions(plan, out=out))])


def released(
    plan: Plan,
    videos: Sequence[_Seen],
    verdicts: Sequence[Verdicts],
    *,
    out: Path | None = None,
) -> list[Verdicts]:
    """The verdicts of all videos of a recipe as a build releases them: copies have fallen, and what is over a quota.

    Args:
        verdicts: of each video, by the thresholds.
        out: where a build would write its releases.

    Raises:
        StoreError, MeasureError: as `settle_seen`.
    """
    pairs = list(zip(videos, verdicts, strict=True))
    clips = [clip for video, said in pairs for clip in kept_clips(plan, video, said)]
    settled = settle_seen(plan, clips, out=out)
    counts = once((video.ref, video.fingerprint) for video in videos)
    end = []
    for (video, said), counted in zip(pairs, counts, strict=True):
        rows = (
            settled.rows(video.fingerprint, said.rows)
            if counted
            else same_content(video.probe.info)
        )
        end.append(dataclasses.replace(said, rows=rows))
    return end


def once(videos: Iterable[tuple[VideoRef, str | None]]) -> list[bool]:
    """Whether each video counts: of content that lies at several urls the first one does, by source and url."""
    listed = list(videos)
    first: dict[str, tuple[str, str]] = {}
    for ref, fingerprint in listed:
        if fingerprint is not None:
            where = (ref.source, ref.url)
            first[fingerprint] = min(first.get(fingerprint, where), where)
    return [fingerprint is None or first[fingerprint][1] == ref.url for ref, fingerprint in listed]


def same_content(info: VideoInfo) -> tuple[Row, ...]:
    """The verdict on a video that does not count."""
    whole = Span(Fraction(0), info.duration_seconds)
    return (Row(span=whole, unit=Unit.rest, decision=Decision.dropped, reason=SAME_CONTENT),)
