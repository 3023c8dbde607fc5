"""The two networks with their weights: pictures and sound to vectors that are close where they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from curator_syncnet.layout import AUDIO, FEATURES, LIPS, Stack, layout

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NUM_STEPS", "WINDOW", "Network"]

_Floats: TypeAlias = npt.NDArray[np.float32]

WINDOW = 5
"""Pictures of one visual vector."""
NUM_STEPS = 20
"""Steps of 10 ms of one vector of the sound."""
_EPS = 1e-5
_AT_ONCE = 12
_SOUNDS_AT_ONCE = 64


class Network:
    """SyncNet on the CPU, in single precision, its normalisations folded into the weights before them."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """`weights` as `checkpoint.load` gives them. Sets torch to one thread in this process."""
        import torch

        # One worker runs on each core; sums depend on how many threads there are.
        torch.set_num_threads(1)
        assert {name: tuple(one.shape) for name, one in weights.items()} == layout()
        self._folded = {
            name: pair for stack in (AUDIO, LIPS) for name, pair in _folded(weights, stack).items()
        }

    def visual(self, pictures: npt.NDArray[np.uint8]) -> _Floats:
        """``(n - 4, 1024)`` of ``(n, 224, 224, 3)`` BGR pictures: one for each five in a row."""
        import torch

        count = len(pictures) - WINDOW + 1
        out = np.empty((max(0, count), FEATURES), np.float32)
        with torch.inference_mode():
            for first in range(0, count, _AT_ONCE):
                last = min(count, first + _AT_ONCE)
                part = pictures[first : last + WINDOW - 1].transpose(3, 0, 1, 2)
                shown = torch.from_numpy(part.astype(np.float32))[None]
                # Only the first layer looks across pictures: all windows of a run go through at once.
                deep = self._convolved(shown, LIPS)[0, :, :, 0, 0].T
                out[first:last] = self._embedded(deep, LIPS).numpy()
        return out

    def audio(self, coefficients: _Floats) -> _Floats:
        """``(n, 1024)`` of ``(n, 13, 20)``: 13 coefficients in 20 steps of 10 ms."""
        import torch

        out = np.empty((len(coefficients), FEATURES), np.float32)
        with torch.inference_mode():
            for first in range(0, len(coefficients), _SOUNDS_AT_ONCE):
                part = np.ascontiguousarray(coefficients[first : first + _SOUNDS_AT_ONCE])
                deep = self._convolved(torch.from_numpy(part)[:, None], AUDIO)[:, :, 0, 0]
                out[first : first + _SOUNDS_AT_ONCE] = self._embedded(deep, AUDIO).numpy()
        return out

    def _convolved(self, values: Tensor, stack: Stack) -> Tensor:
        import torch.nn.functional as fn

        flat = values.ndim == 4
        for conv in stack.convs:
            weight, bias = self._folded[f"{stack.convolutions}.{conv.at}"]
            convolve = fn.conv2d if flat else fn.conv3d
            values = convolve(values, weight, bias, conv.stride, conv.padding).relu_()
            if conv.pool is not None:
                pooled = fn.max_pool2d if flat else fn.max_pool3d
                values = pooled(values, *conv.pool)
        return values

    def _embedded(self, values: Tensor, stack: Stack) -> Tensor:
        import torch.nn.functional as fn

        for linear in stack.linears:
            values = fn.linear(values, *self._folded[f"{stack.matrices}.{linear.at}"])
            values = values.relu() if linear.normalised else values
        return values


def _folded(weights: Mapping[str, Tensor], stack: Stack) -> dict[str, tuple[Tensor, Tensor]]:
    """Weight and bias of each layer, with the normalisation behind it."""
    layers = [
        (f"{stack.convolutions}.{one.at}", f"{stack.convolutions}.{one.at + 1}")
        for one in stack.convs
    ]
    layers += [
        (f"{stack.matrices}.{one.at}", f"{stack.matrices}.{one.at + 1}" if one.normalised else "")
        for one in stack.linears
    ]
    out = {}
    for name, normal in layers:
        weight, bias = weights[f"{name}.weight"].double(), weights[f"{name}.bias"].double()
        if normal:
            spread = (weights[f"{normal}.running_var"].double() + _EPS).sqrt()
            gain = weights[f"{normal}.weight"].double() / spread
            weight = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
            shift = bias - weights[f"{normal}.running_mean"].double()
            bias = shift * gain + weights[f"{normal}.bias"].double()
        out[name] = (weight.float().contiguous(), bias.float().contiguous())
    return out
