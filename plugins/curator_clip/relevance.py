"""The measure `relevance`: how well a frame fits the recipe's own words, rather than others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, Tile, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_clip.embedding import EMBEDDING
from curator_clip.encoder import Encoder, Vectors
from curator_clip.network import ADDRESS, Network, check_digest

__all__ = ["Relevance"]

_Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relevance(Network):
    """How well a frame fits the prompts under `yes` rather than those under `no`, by image-text similarity.

    Cosines between the frame's vector and each prompt's are multiplied by the network's own scale and
    shared out by a softmax over all prompts; `probability` is the share of `yes`, `margin` that
    share minus the rest. So a value answers "which of these", never "is it": give a `no` for what is
    likely in its place ("a slide", "an empty room"), or the nearest of bad prompts wins.
    Typical: at the usual scale of 100 a prompt that is nearer by a cosine of 0.01 is e times as probable
    (of two prompts: `margin` 0.46), by 0.03 twenty times (0.9). So good opposites give margins near 1
    and -1, and what the prompts do not tell apart lies near the share of `yes` among them.
    `yes_similarity`: others keep 0.17 and more (Data-Juicer, three sigma on MSR-VTT) to 0.31 (their best
    subset) with CLIP; other networks have other scales.
    What fools it: text in the picture is read as what it says; counts, left and right, "not" and
    small things are hardly seen; `published` preparation cuts off the sides of wide pictures; two
    prompts of the same meaning on one side weigh twice.
    Source: Radford et al., "Learning transferable visual models from natural language supervision",
    ICML 2021; Ilharco et al., OpenCLIP (MIT). No weights of its own: the recipe names a
    checkpoint, whose licence is recorded.
    """

    name: ClassVar[str] = "relevance"
    version: ClassVar[int] = 1
    cost: ClassVar[float] = 0.13
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(
            name="margin",
            unit="difference",
            about="probability of the prompts under `yes` minus those under `no`, -1 to 1",
        ),
        SeriesSpec(
            name="probability", unit="ratio", about="probability of the prompts under `yes`"
        ),
        SeriesSpec(
            name="yes_similarity", unit="cosine", about="of the frame and the nearest `yes` prompt"
        ),
        SeriesSpec(
            name="no_similarity", unit="cosine", about="of the frame and the nearest `no` prompt"
        ),
        EMBEDDING,
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    yes: tuple[str, ...] = ()
    """What should be seen, each a short description of a picture in English, e.g. ``[a person talking to the camera]``."""
    no: tuple[str, ...] = ()
    """What may be seen in its place, e.g. ``[a slide, a crowd]``."""

    tokenizer: str = field(default="", metadata=ADDRESS)
    """Address of ``tokenizer.json``, for networks that do not use open_clip's own tokenizer (SigLIP and multilingual ones); it lies beside their weights."""
    tokenizer_sha256: str = field(default="", metadata=ADDRESS)
    """Digest of that file."""
    tokenizer_config: str = field(default="", metadata=ADDRESS)
    """Address of ``tokenizer_config.json``, which lies there, too."""
    tokenizer_config_sha256: str = field(default="", metadata=ADDRESS)
    """Digest of that file."""

    def __post_init__(self) -> None:
        self.check_network()
        check_digest("tokenizer_sha256", self.tokenizer, self.tokenizer_sha256)
        check_digest("tokenizer_config_sha256", self.tokenizer_config, self.tokenizer_config_sha256)
        if bool(self.tokenizer) != bool(self.tokenizer_config):
            raise ValueError("give `tokenizer` and `tokenizer_config`, or neither")
        if not self.checkpoint and not self.yes and not self.no:
            return
        if not self.checkpoint:
            raise ValueError("give `checkpoint`: without weights the numbers would mean nothing")
        if not self.yes or not self.no:
            raise ValueError(
                "give prompts under `yes` and under `no`: they are weighed against each other"
            )
        prompts = (*self.yes, *self.no)
        if not all(prompt.strip() for prompt in prompts) or len({*prompts}) < len(prompts):
            raise ValueError("prompts are not empty, and each is given once")

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The files of the network and of its tokenizer."""
        words = self.weights_from(
            ("tokenizer", self.tokenizer, self.tokenizer_sha256),
            ("tokenizer_config", self.tokenizer_config, self.tokenizer_config_sha256),
        )
        return (*self.network_weights(), *words)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the network and read the prompts.

        Raises:
            MeasureError: ``weights-missing``, ``extra-missing``, ``weights-mismatch``, ``clip-model``,
                ``clip-training``, ``clip-words``, ``prompt-too-long``.
        """
        return _Running(self.encoder(weights, (*self.yes, *self.no)), self.yes, self.no)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        return {}


class _Running:
    def __init__(self, encoder: Encoder, yes: tuple[str, ...], no: tuple[str, ...]) -> None:
        self._encoder = encoder
        self._prompts = encoder.prompts((*yes, *no))
        self._num_yes = len(yes)

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        vectors = self._encoder.pictures(block.pixels[block.own])
        cosines = _cosines(vectors, self._prompts)
        share = _softmax(self._encoder.scale * cosines)[:, : self._num_yes].sum(axis=1)
        share = np.clip(share, 0, 1)
        numbers = {
            "margin": 2 * share - 1,
            "probability": share,
            "yes_similarity": cosines[:, : self._num_yes].max(axis=1, initial=-1),
            "no_similarity": cosines[:, self._num_yes :].max(axis=1, initial=-1),
        }
        made = {name: block.series(one.astype(np.float32)) for name, one in numbers.items()}
        return {**made, EMBEDDING.name: block.series(vectors.astype(np.float16))}


def _cosines(vectors: Vectors, prompts: Vectors) -> _Floats:
    """``(n, k)``; each from its own two vectors, so the company of others changes no bit."""
    pairs = vectors[:, None].astype(np.float64) * prompts[None].astype(np.float64)
    sums: _Floats = pairs.sum(axis=2)
    return sums


def _softmax(logits: _Floats) -> _Floats:
    """``(n, k)`` shares of 1 in each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    shares: _Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
