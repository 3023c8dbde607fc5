"""The measure `aesthetic`: the mark that people would give a frame as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from curator.abc.measure import ClipSeries, Tile, Weight
from curator.errors import MeasureError
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_clip.encoder import Encoder
from curator_clip.head import Head
from curator_clip.network import ADDRESS, Network, as_url, check_digest

__all__ = ["Aesthetic"]

_HEAD = "head"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aesthetic(Network):
    """The mark, from 1 to 10, that people would give a frame as a picture, by a head on a picture's vector.

    A head was trained on the vectors of one network, most on those of ViT-L-14 by OpenAI; with another
    network its numbers mean nothing, and one of another size is refused.
    Typical: others keep 3.5 (Cosmos-Curate), 4 (SpatialVID), 4.5 to 5 (Open-Sora) and more; above 6 are
    photographs that people call beautiful (LAION-Aesthetics).
    What fools it: trained on photographs and digital paintings, so gloss, faces and sunsets score high
    and honest workshops low; text and logos in the picture pull it up or down by the version.
    Source: Schuhmann, "Improved aesthetic predictor", LAION 2022 (code and heads Apache-2.0);
    own code. No weights of its own: the recipe names both files, whose licences are recorded.
    """

    name: ClassVar[str] = "aesthetic"
    version: ClassVar[int] = 1
    cost: ClassVar[float] = 1.4
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="score", unit="mark", about="mark of the frame, about 1 to 10"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    head: str = field(default="", metadata=ADDRESS)
    """Address of the head: LAION's single linear layer, or five layers (``sac+logos+ava1-l14-linearMSE.pth``)."""
    head_sha256: str = field(default="", metadata=ADDRESS)
    """Digest of the head."""
    head_license: str = field(default="LicenseRef-unknown", metadata=ADDRESS)
    """Licence of the head, as it will be recorded."""

    def __post_init__(self) -> None:
        self.check_network()
        if bool(self.head) != bool(self.checkpoint):
            raise ValueError(
                "give `checkpoint` and `head`: the network, and what judges its vectors"
            )
        check_digest("head_sha256", self.head, self.head_sha256)

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The network's files and the head."""
        network = self.network_weights()
        if not self.head:
            return network
        head = Weight(
            name=_HEAD,
            url=as_url(self.head),
            sha256=self.head_sha256,
            license=self.head_license,
            source="aesthetic head chosen by the recipe",
        )
        return (*network, head)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the network and the head.

        Raises:
            MeasureError: ``weights-missing``, ``extra-missing``, ``weights-mismatch``, ``clip-model``,
                ``clip-training``, ``clip-words``.
        """
        encoder = self.encoder(weights)
        if _HEAD not in weights:
            raise MeasureError(
                "the measure 'aesthetic' needs a head, and comes without",
                reason="weights-missing",
                hint="set its `head` and `head_sha256`; the README of curator_clip shows how",
            )
        return _Running(encoder, Head(weights[_HEAD], size=encoder.size))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        return {}


class _Running:
    def __init__(self, encoder: Encoder, head: Head) -> None:
        self._encoder = encoder
        self._head = head

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        marks = [self._head(one) for one in self._encoder.pictures(block.pixels[block.own])]
        return {"score": block.series(np.array(marks, np.float32))}
