"""The clips of all videos looked at together, from stored facts alone: for previews and explanations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from curator.engine.earlier import earlier_clips, earlier_versions
from curator.engine.known import VideoKnown
from curator.model.video import VideoRef
from curator.pack.schema import readable
from curator.plan.contenders import Contender, contenders
from curator.plan.physical import Plan
from curator.plan.settle import Settled, settle
from curator.plan.verdicts import Verdicts

__all__ = ["kept_clips", "settle_seen"]


class _Seen(Protocol):
    @property
    def ref(self) -> VideoRef: ...

    @property
    def fingerprint(self) -> str: ...

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
