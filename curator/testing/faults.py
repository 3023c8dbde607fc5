"""A measure that misbehaves on purpose, to show that it costs its video and nothing else."""

from __future__ import annotations

import enum
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Fault", "Kind"]


class Kind(enum.Enum):
    """What goes wrong."""

    none = "none"
    crash = "crash"
    """The process dies."""
    hang = "hang"
    """It never answers."""
    bloat = "bloat"
    """It takes memory without end."""
    error = "error"
    """It raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Mean of luma, until the brightness of a frame reaches `above`; then something goes wrong.

    Typical: 0 to 255. Fooled by: nothing, it is a test.
    Source: ours.
    """

    name: ClassVar[str] = "fault"
    version: ClassVar[int] = 1
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="mean", unit="luma", about="mean brightness"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.001

    kind: Kind = Kind.none
    above: float = 200.0

    @property
    def needs(self) -> Mapping[str, Need]:
        """The small luma plane of every frame."""
        return {"frames": FrameNeed(view=View.luma)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """None."""
        return ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Nothing to load."""
        assert not weights, "there are none"
        return _Running(self)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """No signals."""
        assert clip.span.seconds > 0, "spans are never empty"
        return {}


class _Running:
    def __init__(self, settings: Fault) -> None:
        self._settings = settings

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["frames"]
        means = block.pixels[block.own].mean(axis=(1, 2)).astype(np.float32)
        if len(means) and float(means.max()) >= self._settings.above:
            _go_wrong(self._settings.kind)
        return {"mean": block.series(means)}


def _go_wrong(kind: Kind) -> None:
    if kind is Kind.crash:
        os.kill(os.getpid(), signal.SIGKILL)
    if kind is Kind.hang:
        time.sleep(3600)
    if kind is Kind.error:
        raise ValueError("this measure was told to fail")
    if kind is Kind.bloat:
        held = []
        while True:
            held.append(np.ones(2**24, np.uint8))  # 16 MiB at a time, touched
            time.sleep(0.01)
