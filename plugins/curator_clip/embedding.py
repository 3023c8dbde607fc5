"""The measure `embedding`: where a frame lies in the space of pictures and words, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, Tile
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_clip.encoder import Encoder
from curator_clip.network import Network

__all__ = ["EMBEDDING", "Embedding"]

EMBEDDING = SeriesSpec(
    name="embedding",
    unit="direction",
    about="unit vector of the frame, half precision; as many numbers as the network gives",
    shape=(None,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding(Network):
    """The vector that an open_clip network gives a frame, for near-duplicates and for balance by content.

    The same vectors as those of `relevance` with the same network, which then looks once for both; but
    no prompt is in the key of this one, so other words do not mean that vectors are computed again.
    Typical: cosines of neighbouring frames above 0.8 inside a shot (VideoX-Fun takes less for a missed
    cut); 0.95..0.99 for copies, which is where others remove them (Cosmos-Curate: 0.99). Scales differ by network.
    What fools it: it tells what is shown, not who; two people in the same studio are near.
    Source: Radford et al., ICML 2021; Ilharco et al., OpenCLIP (MIT). No weights of its own: the
    recipe names a checkpoint, whose licence is recorded.
    """

    name: ClassVar[str] = "embedding"
    version: ClassVar[int] = 1
    cost: ClassVar[float] = 0.13
    series: ClassVar[tuple[SeriesSpec, ...]] = (EMBEDDING,)
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the network.

        Raises:
            MeasureError: ``weights-missing``, ``extra-missing``, ``weights-mismatch``, ``clip-model``,
                ``clip-training``, ``clip-words``.
        """
        return _Running(self.encoder(weights))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        return {}


class _Running:
    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        vectors = self._encoder.pictures(block.pixels[block.own])
        return {EMBEDDING.name: block.series(vectors.astype(np.float16))}
