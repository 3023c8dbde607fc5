"""The default shot detector: hard cuts, dissolves and fades from thumbnails, with no model to fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.model.clip import Shot, Transition
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support
from curator.model.span import Span
from curator.model.video import FrameTable
from curator.segment.boundary import Boundary
from curator.segment.gradual import gradual_transitions
from curator.segment.hard import hard_cuts
from curator.segment.jump import jumps, luminance, signatures

__all__ = ["Cuts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Shot boundaries from what movement and light cannot explain, and from mixtures of two pictures.

    ``jump`` is what is new in a frame, as a share of its contrast. A cut is a jump that stands out
    from its neighbours, does not go back within 0.2 s (a flash) and is no step of a fade.
    Dissolves and fades are found in ``signature``, a picture of 16 x 9 cells, as frames that mix
    those before and after them where no movement of the camera can have made them.

    Typical: a jump of 0.01 in a still picture, up to 0.3 in fast movement, 0.4 to 5 at a cut.
    Fooled by: a jump cut inside one framing of the same speaker (too small), a phone that
    switches lenses (as large as a cut), a wipe, zooms that double the picture within a second
    (may be seen as a dissolve), a dissolve of less than about five frames (seen as a cut), of more
    than 2.5 s, or while a camera crosses a third of its picture (not found).
    Source: block-aligned frame difference with a rank test against the neighbours (our own); the
    variance dip of dissolves: Alattar, IEEE ISCAS 1993; the movement in between: Bergen et al.,
    ECCV 1992.
    """

    name: ClassVar[str] = "cuts"
    version: ClassVar[int] = 1
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="jump",
            unit="contrast",
            about="new content of a frame over its contrast, movement and light explained away",
            support=Support.pair,
        ),
        SeriesSpec(
            name="signature",
            unit="rgb",
            about="mean colour of 9 x 16 cells",
            shape=(9, 16, 3),
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.0012

    cut: float = 0.56
    """Lowest strength of a hard cut: its jump, times how far it stands out. Lower finds more."""
    gradual: float = 0.5
    """Lowest score of a dissolve or fade, 0 to 1. Lower finds more."""

    @property
    def needs(self) -> Mapping[str, Need]:
        """Every frame as a thumbnail, with the one before."""
        return {"thumb": FrameNeed(view=View.thumb, before=1)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """None."""
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:  # noqa: ARG002
        """Nothing to load."""
        return _Running()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:  # noqa: ARG002
        """No facts of clips: boundaries are facts of a video."""
        return {}

    def shots(self, series: Mapping[str, Series], table: FrameTable) -> tuple[Shot, ...]:
        """Shots that tile the video; a frame that could not be decoded belongs to the shot before it."""
        if len(table) == 0:
            return ()
        if "signature" not in series or len(series["signature"]) == 0:
            return _shots((), table)
        return _shots(self._boundaries(series, table), table)

    def _boundaries(self, series: Mapping[str, Series], table: FrameTable) -> list[Boundary]:
        """All boundaries, in frame numbers of the table."""
        signature = series["signature"]
        pictures = np.asarray(signature.values, dtype=np.uint8)
        seconds = signature.seconds
        jump = np.nan_to_num(np.asarray(series["jump"].values, dtype=np.float32), nan=0.0)
        cells = luminance(pictures)
        cuts = hard_cuts(jump, cells, seconds, threshold=self.cut)
        gradual = gradual_transitions(
            pictures, seconds, [one.middle for one in cuts], threshold=self.gradual
        )
        frames = np.append(np.searchsorted(table.ticks, signature.ticks), len(table))
        return [
            Boundary(
                int(frames[one.first]),
                int(frames[one.middle]),
                int(frames[one.last]),
                one.transition,
            )
            for one in sorted([*_apart(cuts, gradual), *gradual], key=lambda one: one.middle)
        ]


class _Running:
    """Looks at one frame and the one before it."""

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        """Both series over the tile's own frames; the video's first frame has no jump."""
        block = tile.frames["thumb"]
        own = block.pixels[block.own]
        before = block.pixels[block.own.start - 1 : block.own.stop] if block.before else own
        jump = np.full(len(own), np.nan, dtype=np.float32)
        if len(before) > 1:
            jump[len(own) - len(before) + 1 :] = jumps(before)
        return {"jump": block.series(jump), "signature": block.series(signatures(own))}


def _apart(cuts: Sequence[Boundary], gradual: Sequence[Boundary]) -> list[Boundary]:
    """The cuts that are not the first or last step of a short dissolve."""
    return [
        cut
        for cut in cuts
        if not any(one.first - 2 <= cut.middle <= one.last + 1 for one in gradual)
    ]


def _shots(boundaries: Sequence[Boundary], table: FrameTable) -> tuple[Shot, ...]:
    """The shots between boundaries in increasing order."""
    n = len(table)
    inner = [one for one in boundaries if 0 < one.middle < n]
    begins = [Boundary(0, 0, 0, Transition.start), *inner]
    ends = [*inner, Boundary(n, n, n, Transition.start)]
    out: list[Shot] = []
    for begin, end in zip(begins, ends, strict=True):
        clean = (max(begin.last, begin.middle), min(end.first, end.middle))
        out.append(
            Shot(
                span=Span(table.time(begin.middle), table.time(end.middle)),
                clean=_span(clean, table),
                start_frame=begin.middle,
                end_frame=end.middle,
                transition=begin.transition,
            )
        )
    return tuple(out)


def _span(frames: tuple[int, int], table: FrameTable) -> Span | None:
    first, last = frames
    return Span(table.time(first), table.time(last)) if first < last else None
