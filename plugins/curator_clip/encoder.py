"""Vectors of pictures and of words, from one network that a process loads once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.errors import MeasureError
from curator_clip.describe import Source
from curator_clip.load import Loaded, open_network, open_tokenizer

__all__ = ["Encoder", "Vectors", "shared_encoder"]

Vectors: TypeAlias = npt.NDArray[np.float32]
_REMEMBERED = 64
_NETWORKS = 4


@lru_cache(maxsize=_NETWORKS)
def shared_encoder(source: Source) -> Encoder:
    """The encoder of a source: several measures with the same network look at a frame once.

    Raises:
        MeasureError: as `open_network`.
    """
    return Encoder(source)


class Encoder:
    """Unit vectors ``(n, d)`` of pictures and prompts, each computed alone, so company changes no bit.

    The text tower is let go once prompts are known: it is a third to a half of a network, and new
    prompts are rare.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._network = open_network(source)
        self._can_read = True
        self._prompts: dict[str, Vectors] = {}
        self._seen: OrderedDict[bytes, Vectors] = OrderedDict()
        self.size = self._network.size
        """Numbers in a vector."""
        self.scale = float(self._network.model.logit_scale.detach().exp())
        """What the network multiplies cosines with before it compares them (100 in most)."""

    def learn(self, prompts: Iterable[str], tokenizer: Mapping[str, Path]) -> None:
        """Get the vectors of `prompts` ready.

        Args:
            prompts: those that are known already cost nothing.
            tokenizer: files of the tokenizer, for networks that do not use open_clip's.

        Raises:
            MeasureError: what `open_tokenizer` raises; ``prompt-too-long`` for a prompt that would be
                cut off.
        """
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._prompts]
        if new:
            reader = open_tokenizer(self._source, tokenizer)
            network = self._network if self._can_read else open_network(self._source)
            for prompt in new:
                self._prompts[prompt] = _read(network, reader, prompt)
        if self._can_read:
            _forget_words(self._network.model)
            self._can_read = False

    def prompts(self, prompts: Iterable[str]) -> Vectors:
        """``(n, d)`` of prompts that were learnt."""
        return np.stack([self._prompts[prompt] for prompt in prompts])

    def pictures(self, frames: npt.NDArray[np.uint8]) -> Vectors:
        """``(n, d)`` of ``(n, h, w, 3)`` upright RGB."""
        if not len(frames):
            return np.zeros((0, self.size), np.float32)
        return np.stack([self._picture(frame) for frame in frames])

    def _picture(self, frame: npt.NDArray[np.uint8]) -> Vectors:
        # By content: another measure of this network asks for the same frames within the same tile.
        key = hashlib.blake2b(repr(frame.shape).encode() + frame.tobytes()).digest()
        if key in self._seen:
            return self._seen[key]
        vector = _look(self._network, frame)
        self._seen[key] = vector
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return vector


def _look(network: Loaded, frame: npt.NDArray[np.uint8]) -> Vectors:
    import torch
    from PIL import Image

    with torch.inference_mode():
        picture = network.prepare(Image.fromarray(frame))
        vector = network.model.encode_image(picture[None], normalize=True)[0]
    return _array(vector)


def _read(network: Loaded, reader: Any, prompt: str) -> Vectors:
    import torch

    tokens = reader([prompt])
    if _length(reader, prompt) > tokens.shape[1]:
        raise MeasureError(
            f"the prompt '{prompt}' is longer than the {tokens.shape[1]} tokens that the network reads",
            reason="prompt-too-long",
        )
    with torch.inference_mode():
        return _array(network.model.encode_text(tokens, normalize=True)[0])


def _length(reader: Any, prompt: str) -> int:
    """How many tokens a prompt takes before it is cut off; open_clip's own adds a start and an end."""
    if hasattr(reader, "encode"):
        return len(reader.encode(prompt)) + 2
    return len(reader.tokenizer(reader.clean_fn(prompt)).input_ids)


def _array(vector: Any) -> Vectors:
    made: Vectors = vector.numpy().astype(np.float32)
    return made


def _forget_words(model: Any) -> None:
    """Drop every part but the image tower, which is all that `encode_image` uses."""
    for name, _ in list(model.named_children()):
        if name != "visual":
            setattr(model, name, None)
