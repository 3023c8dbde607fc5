"""Which network looks, and at what: the settings that all measures of this package share."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from curator.abc.measure import FrameNeed, Need, View, Weight
from curator.errors import MeasureError

if TYPE_CHECKING:
    from curator_clip.encoder import Encoder

__all__ = ["ADDRESS", "Fit", "Network", "as_url", "check_digest"]

ADDRESS: Mapping[str, object] = {"key": False}
"""Says of a setting that it tells where a file lies: what the file is, is in the key with the weights."""

_CHECKPOINT = "checkpoint"
_CONFIG = "config"
_TOKENIZER = ("tokenizer", "tokenizer_config")
_MIN_SIDE_PX = 32


class Fit(enum.Enum):
    """How a picture is brought to the square that a network takes."""

    published = "published"
    """As the network was published: most see the middle, and the sides of a wide picture are cut off."""
    whole = "whole"
    """All of it, in proportion, with black borders."""
    squash = "squash"
    """All of it, out of proportion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """An open_clip network from files with digests, and the frames it is shown.

    Raises:
        ValueError: when something is given, but not what it takes to load one certain network.
    """

    extra: ClassVar[str | None] = "clip"
    name: ClassVar[str]

    model: str = ""
    """Name of the architecture in open_clip, e.g. ``ViT-B-32``; or give `config`."""
    training: str = ""
    """Name that open_clip has for the training that the checkpoint is from, e.g. ``laion2b_s34b_b79k``. Needed where trainings of one architecture differ in activation or preprocessing (``ViT-B-32``, ``ViT-L-14`` and others): the measure then says so."""
    config: str = field(default="", metadata=ADDRESS)
    """Address of the network's ``open_clip_config.json`` (architecture and preprocessing), in place of `model`."""
    config_sha256: str = field(default="", metadata=ADDRESS)
    """Digest of that file."""
    checkpoint: str = field(default="", metadata=ADDRESS)
    """Address of the weights (safetensors or PyTorch): ``hf://owner/name@revision/file``, ``https://``, ``file://`` or a path. Without one the measure does not run."""
    sha256: str = field(default="", metadata=ADDRESS)
    """Digest of the checkpoint, 64 lower-case hex digits."""
    license: str = field(default="LicenseRef-unknown", metadata=ADDRESS)
    """Licence of the checkpoint, as it will be recorded."""
    fit: Fit = Fit.published
    """How a picture is brought to the square that the network takes: ``published`` (most cut off the sides), ``whole`` (with black borders) or ``squash``."""
    fps: float = 1.0
    """Pictures looked at per second."""
    max_side_px: int = 640
    """Longest side of the pictures before they are brought to the network's size; 640 is shared with `face` and `pose`."""

    def __post_init__(self) -> None:
        self.check_network()

    def check_network(self) -> None:
        """Raise ValueError for settings that name no certain network; naming nothing at all is allowed."""
        if self.fps <= 0 or self.max_side_px < _MIN_SIDE_PX:
            raise ValueError(f"`fps` is above 0, and `max_side_px` at least {_MIN_SIDE_PX}")
        if not (self.model or self.training or self.config or self.checkpoint or self.sha256):
            return
        if bool(self.model) == bool(self.config):
            raise ValueError("give `model`, a name in open_clip, or `config`: one of the two")
        if self.config and self.training:
            raise ValueError(
                "`training` goes with `model`: a `config` says by itself how to prepare"
            )
        if not self.checkpoint:
            raise ValueError("give `checkpoint`: without weights the numbers would mean nothing")
        check_digest("sha256", self.checkpoint, self.sha256)
        check_digest("config_sha256", self.config, self.config_sha256)

    @property
    def needs(self) -> Mapping[str, Need]:
        """Upright frames in colour."""
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The files of the network."""
        return self.network_weights()

    def network_weights(self) -> tuple[Weight, ...]:
        """The checkpoint, and the description of the network if that is a file, too."""
        return self.weights_from(
            (_CHECKPOINT, self.checkpoint, self.sha256),
            (_CONFIG, self.config, self.config_sha256),
        )

    def weights_from(self, *files: tuple[str, str, str]) -> tuple[Weight, ...]:
        """Weights of name, address and digest, under the licence of the network; those without an address are left out."""
        known_as = " ".join(filter(None, (self.model or "a network of its own", self.training)))
        return tuple(
            Weight(
                name=name,
                url=as_url(address),
                sha256=digest,
                license=self.license,
                source=f"chosen by the recipe ({known_as})",
            )
            for name, address, digest in files
            if address
        )

    def encoder(self, weights: Mapping[str, Path], prompts: Iterable[str] = ()) -> Encoder:
        """The network, loaded, and able to give the vectors of `prompts`; one process has it once.

        Raises:
            MeasureError: ``weights-missing``, ``extra-missing``, and what `load.open_network` raises.
        """
        if _CHECKPOINT not in weights:
            raise MeasureError(
                f"the measure '{self.name}' needs the weights of an open_clip network, and comes without",
                reason="weights-missing",
                hint="set its `model`, `checkpoint` and `sha256`; the README of curator_clip shows how",
            )
        from curator_clip.describe import Source
        from curator_clip.encoder import shared_encoder

        source = Source(
            model=self.model,
            training=self.training,
            config=weights.get(_CONFIG),
            checkpoint=weights[_CHECKPOINT],
            digests=(self.sha256, self.config_sha256),
            fit=self.fit.name,
        )
        encoder = shared_encoder(source)
        words = {f"{name}.json": weights[name] for name in _TOKENIZER if name in weights}
        encoder.learn(prompts, words)
        return encoder


def check_digest(name: str, address: str, digest: str) -> None:
    """A file that is asked for has a digest.

    Raises:
        ValueError: when it has none, or one that is none.
    """
    if address and not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError(
            f"give `{name}`, as 64 lower-case hex digits: `sha256sum FILE` prints them"
        )


def as_url(address: str) -> str:
    """An address as the store reads it: a path becomes ``file://``."""
    return address if "://" in address else Path(address).absolute().as_uri()
