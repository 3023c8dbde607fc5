"""Measures run on real files, with their model files fetched once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from curator.abc.measure import AudioBlock, ClipSeries, FrameBlock, Gatherer, Measure, Tile, Weight
from curator.errors import MeasureError
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.tile import Tiles
from curator.model.video import VideoInfo
from curator.store.weights import prefetch
from curator.testing.tiles import join

__all__ = ["Measured", "measured", "model_files"]


def model_files(measure: Measure) -> Mapping[str, Path]:
    """Paths of the measure's model files by name; skips where they cannot be had."""
    files = _fetched(measure.weights)
    if isinstance(files, str):
        pytest.skip(files)
    return files


@cache
def _fetched(weights: tuple[Weight, ...]) -> Mapping[str, Path] | str:
    root = Path(os.environ.get("CURATOR_STORE", Path(__file__).parents[1] / ".curator"))
    try:
        return prefetch(weights, root)
    except MeasureError as error:
        if error.reason != "weights-fetch":
            raise
        return str(error)


@dataclass(frozen=True)
class Measured:
    """What a measure found in one video."""

    measure: Measure
    info: VideoInfo
    series: Mapping[str, Series]

    def values(self, name: str) -> npt.NDArray[np.generic]:
        """Values of one series over the whole video."""
        return self.series[name].values

    def signals(self, span: Span | None = None) -> Mapping[str, Signal]:
        """The signals of a clip; of the whole video without one."""
        clip = span or Span(Fraction(0), self.info.duration_seconds)
        inside = {name: one.within(clip) for name, one in self.series.items()}
        return self.measure.summarise(ClipSeries(clip, self.info, inside))


@cache
def measured(measure: Measure, path: Path, span: Span | None = None) -> Measured:
    """Run `measure` over a file, as a build would; over the tiles of `span` if there is one."""
    running, found = measure.start(model_files(measure)), probe(path)
    needs, parts = measure.needs, []
    tiles = Tiles.all(int(found.info.num_tiles)) if span is None else Tiles.covering([span])
    for one in read_tiles(path, found, tuple(needs.values()), tiles, stats=DecodeStats()):
        blocks = {name: one.blocks[need] for name, need in needs.items() if need in one.blocks}
        frames = {k: v for k, v in blocks.items() if isinstance(v, FrameBlock)}
        audio = {k: v for k, v in blocks.items() if isinstance(v, AudioBlock)}
        parts.append(running.tile(Tile(one.index, one.span, found.info, frames, audio)))
    series = join(parts)
    if isinstance(measure, Gatherer):
        series = {**series, **measure.gather(series)}
    return Measured(measure, found.info, series)
