"""Names and shapes of the arrays in the published checkpoint, and what its layers do.

Chung and Zisserman, "Out of time: automated lip sync in the wild", ACCV workshops 2016, as
published in ``syncnet_v2.model`` (names of the PyTorch release of the authors).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["AUDIO", "FEATURES", "LIPS", "Conv", "Linear", "Stack", "layout"]

FEATURES = 1024
"""Length of an embedding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """A convolution, batch normalisation and ReLU, and perhaps a pooling."""

    at: int
    """Its number in the published sequence; the normalisation's is one more."""
    shape: tuple[int, ...]
    """Outputs, inputs, kernel."""
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    pool: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None = None
    """Kernel, stride and padding."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A matrix with a bias."""

    at: int
    outputs: int
    inputs: int
    normalised: bool = False
    """Followed by batch normalisation and ReLU."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One of the two networks: convolutions, then matrices."""

    convolutions: str
    matrices: str
    convs: tuple[Conv, ...]
    linears: tuple[Linear, ...] = (Linear(0, 512, 512, normalised=True), Linear(3, FEATURES, 512))


_ONE2, _SAME2 = (1, 1), (1, 1)
_ONE3, _SAME3 = (1, 1, 1), (0, 1, 1)
_HALF3 = ((1, 3, 3), (1, 2, 2), (0, 0, 0))

AUDIO = Stack(
    "netcnnaud",
    "netfcaud",
    (
        Conv(at=0, shape=(64, 1, 3, 3), stride=_ONE2, padding=_SAME2),
        Conv(
            at=4, shape=(192, 64, 3, 3), stride=_ONE2, padding=_SAME2, pool=((3, 3), (1, 2), (0, 0))
        ),
        Conv(at=8, shape=(384, 192, 3, 3), stride=_ONE2, padding=_SAME2),
        Conv(at=11, shape=(256, 384, 3, 3), stride=_ONE2, padding=_SAME2),
        Conv(
            at=14,
            shape=(256, 256, 3, 3),
            stride=_ONE2,
            padding=_SAME2,
            pool=((3, 3), (2, 2), (0, 0)),
        ),
        Conv(at=18, shape=(512, 256, 5, 4), stride=(1, 1), padding=(0, 0)),
    ),
)
"""Of ``(1, 13, 20)``: 13 coefficients in 20 steps of 10 ms."""

LIPS = Stack(
    "netcnnlip",
    "netfclip",
    (
        Conv(at=0, shape=(96, 3, 5, 7, 7), stride=(1, 2, 2), padding=(0, 0, 0), pool=_HALF3),
        Conv(
            at=4,
            shape=(256, 96, 1, 5, 5),
            stride=(1, 2, 2),
            padding=(0, 1, 1),
            pool=((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        ),
        Conv(at=8, shape=(256, 256, 1, 3, 3), stride=_ONE3, padding=_SAME3),
        Conv(at=11, shape=(256, 256, 1, 3, 3), stride=_ONE3, padding=_SAME3),
        Conv(at=14, shape=(256, 256, 1, 3, 3), stride=_ONE3, padding=_SAME3, pool=_HALF3),
        Conv(at=18, shape=(512, 256, 1, 6, 6), stride=(1, 1, 1), padding=(0, 0, 0)),
    ),
)
"""Of ``(3, 5, 224, 224)``: five pictures, blue, green and red, 0 to 255."""


def layout() -> Mapping[str, tuple[int, ...]]:
    """Shape of each array by its published name; counters of the training are not needed."""
    out: dict[str, tuple[int, ...]] = {}
    for stack in (AUDIO, LIPS):
        for conv in stack.convs:
            out |= _pair(f"{stack.convolutions}.{conv.at}", conv.shape, conv.shape[0])
            out |= _normal(f"{stack.convolutions}.{conv.at + 1}", conv.shape[0])
        for linear in stack.linears:
            shape = (linear.outputs, linear.inputs)
            out |= _pair(f"{stack.matrices}.{linear.at}", shape, linear.outputs)
            if linear.normalised:
                out |= _normal(f"{stack.matrices}.{linear.at + 1}", linear.outputs)
    return out


def _pair(name: str, shape: tuple[int, ...], outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": (outputs,)}


def _normal(name: str, outputs: int) -> dict[str, tuple[int, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (outputs,) for part in parts}
