"""Which arrays the published checkpoints hold: every name and shape, without loading torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

__all__ = [
    "CONVNEXT_FEMTO",
    "CONVNEXT_TINY",
    "SWIN_DEPTHS",
    "SWIN_HEADS",
    "SWIN_WIDTH",
    "WINDOW",
    "ConvNext",
    "Model",
    "layout",
    "num_parameters",
    "unused",
]

Shape: TypeAlias = tuple[int, ...]


class Model(enum.Enum):
    """The published networks."""

    dover = "dover"
    """Swin-T with gated position bias (technical) and ConvNeXt-T (aesthetic), both 3D: 56.2 M parameters."""
    mobile = "mobile"
    """ConvNeXt V2 femto, 3D, for both: 9.9 M parameters."""


SWIN_WIDTH = 96
SWIN_DEPTHS = (2, 2, 6, 2)
SWIN_HEADS = (3, 6, 12, 24)
SWIN_GATED = (True, True, True, False)
"""Stages with a second table of position biases, for pairs of tokens from one fragment."""
WINDOW = (8, 7, 7)
"""Tokens that attend to each other: time, rows, columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvNext:
    """A ConvNeXt whose kernels were given a time axis."""

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    second: bool
    """V2: response normalisation instead of a scale for each layer."""

    @staticmethod
    def reach(block: int) -> int:
        """Frames that the depth-wise kernel of a block sees: 1, 3, 1, 1, 3, 1 ... within a stage."""
        return (1, 3, 1)[block % 3]


CONVNEXT_TINY = ConvNext(widths=(96, 192, 384, 768), depths=(3, 3, 9, 3), second=False)
CONVNEXT_FEMTO = ConvNext(widths=(48, 96, 192, 384), depths=(2, 2, 6, 2), second=True)
_CLASSES = 1000


def layout(model: Model) -> Mapping[str, Shape]:
    """Name to shape of everything the network needs from a checkpoint."""
    if model is Model.dover:
        parts = {
            "technical_backbone": _swin(),
            "technical_head": _head(768, 64),
            "aesthetic_backbone": _convnext(CONVNEXT_TINY),
            "aesthetic_head": _head(768, 64),
        }
    else:
        parts = {
            "technical_backbone": _convnext(CONVNEXT_FEMTO),
            "technical_head": _head(384, 32),
            "aesthetic_backbone": _convnext(CONVNEXT_FEMTO),
            "aesthetic_head": _head(384, 32),
        }
    return {f"{part}.{name}": shape for part, names in parts.items() for name, shape in names}


def unused(model: Model) -> Mapping[str, Shape]:
    """Name to shape of what published checkpoints hold besides: index tables, and classifiers."""
    if model is Model.dover:
        tokens = prod(WINDOW)
        return {
            f"technical_backbone.layers.{stage}.blocks.{block}.attn.relative_position_index": (
                tokens,
                tokens,
            )
            for stage, depth in enumerate(SWIN_DEPTHS)
            for block in range(depth)
        }
    return {
        f"{part}_backbone.head.{name}": shape
        for part in ("technical", "aesthetic")
        for name, shape in _linear("", CONVNEXT_FEMTO.widths[-1], _CLASSES)
    }


def num_parameters(model: Model) -> int:
    """Learnt numbers that the network uses."""
    return sum(prod(shape) for shape in layout(model).values())


_Names: TypeAlias = Iterator[tuple[str, Shape]]


def _swin() -> _Names:
    yield "patch_embed.proj.weight", (SWIN_WIDTH, 3, 2, 4, 4)
    yield "patch_embed.proj.bias", (SWIN_WIDTH,)
    yield from _norm("patch_embed.norm.", SWIN_WIDTH)
    width = SWIN_WIDTH
    for stage, depth in enumerate(SWIN_DEPTHS):
        width = SWIN_WIDTH << stage
        for block in range(depth):
            yield from _swin_block(f"layers.{stage}.blocks.{block}.", width, stage)
        if stage < len(SWIN_DEPTHS) - 1:
            yield f"layers.{stage}.downsample.reduction.weight", (2 * width, 4 * width)
            yield from _norm(f"layers.{stage}.downsample.norm.", 4 * width)
    yield from _norm("norm.", width)


def _swin_block(prefix: str, width: int, stage: int) -> _Names:
    table = (prod(2 * side - 1 for side in WINDOW), SWIN_HEADS[stage])
    yield from _norm(f"{prefix}norm1.", width)
    yield f"{prefix}attn.relative_position_bias_table", table
    if SWIN_GATED[stage]:
        yield f"{prefix}attn.fragment_position_bias_table", table
    yield from _linear(f"{prefix}attn.qkv.", width, 3 * width)
    yield from _linear(f"{prefix}attn.proj.", width, width)
    yield from _norm(f"{prefix}norm2.", width)
    yield from _linear(f"{prefix}mlp.fc1.", width, 4 * width)
    yield from _linear(f"{prefix}mlp.fc2.", 4 * width, width)


def _convnext(net: ConvNext) -> _Names:
    for stage, (width, depth) in enumerate(zip(net.widths, net.depths, strict=True)):
        prefix = f"downsample_layers.{stage}."
        if stage == 0:
            yield f"{prefix}0.weight", (width, 3, 2, 4, 4)
            yield f"{prefix}0.bias", (width,)
            yield from _norm(f"{prefix}1.", width)
        else:
            yield from _norm(f"{prefix}0.", net.widths[stage - 1])
            yield f"{prefix}1.weight", (width, net.widths[stage - 1], 1, 2, 2)
            yield f"{prefix}1.bias", (width,)
        for block in range(depth):
            yield from _convnext_block(f"stages.{stage}.{block}.", width, net, block)
    yield from _norm("norm.", net.widths[-1])


def _convnext_block(prefix: str, width: int, net: ConvNext, block: int) -> _Names:
    if not net.second:
        yield f"{prefix}gamma", (width,)
    yield f"{prefix}dwconv.weight", (width, 1, net.reach(block), 7, 7)
    yield f"{prefix}dwconv.bias", (width,)
    yield from _norm(f"{prefix}norm.", width)
    yield from _linear(f"{prefix}pwconv1.", width, 4 * width)
    if net.second:
        yield f"{prefix}grn.gamma", (1, 1, 1, 4 * width)
        yield f"{prefix}grn.beta", (1, 1, 1, 4 * width)
    yield from _linear(f"{prefix}pwconv2.", 4 * width, width)


def _head(width: int, hidden: int) -> _Names:
    yield "fc_hid.weight", (hidden, width, 1, 1, 1)
    yield "fc_hid.bias", (hidden,)
    yield "fc_last.weight", (1, hidden, 1, 1, 1)
    yield "fc_last.bias", (1,)


def _norm(prefix: str, width: int) -> _Names:
    yield f"{prefix}weight", (width,)
    yield f"{prefix}bias", (width,)


def _linear(prefix: str, inputs: int, outputs: int) -> _Names:
    yield f"{prefix}weight", (outputs, inputs)
    yield f"{prefix}bias", (outputs,)
