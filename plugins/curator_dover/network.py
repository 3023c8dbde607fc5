"""Raw scores from views: both branches of a network with their heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from curator_dover.convnext import convnext
from curator_dover.layout import CONVNEXT_FEMTO, CONVNEXT_TINY, Model, layout
from curator_dover.swin import swin

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

__all__ = ["Network"]

_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)


class Network:
    """DOVER or DOVER-Mobile with its weights, on the CPU, in single precision.

    Scores are raw: unbounded numbers around 0, more is better, on a scale of each branch's own.
    """

    def __init__(self, model: Model, weights: Mapping[str, Tensor]) -> None:
        """`weights` as `checkpoint.load` gives them. Sets torch to one thread in this process."""
        import torch

        # One worker runs on each core; more threads only wait for each other, and sums depend on
        # how many there are.
        torch.set_num_threads(1)
        assert {name: tuple(one.shape) for name, one in weights.items()} == layout(model)
        self.model = model
        self._parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in weights.items():
            part, _, rest = name.partition(".")
            self._parts.setdefault(part, {})[rest] = tensor

    def technical(
        self, fragments: npt.NDArray[np.uint8], see: Callable[[str, Tensor], None] | None = None
    ) -> float:
        """Raw technical score of one clip ``(32, 224, 224, 3)`` of spliced fragments."""
        return self._score("technical", fragments, see)

    def aesthetic(
        self, frames: npt.NDArray[np.uint8], see: Callable[[str, Tensor], None] | None = None
    ) -> float:
        """Raw aesthetic score of 32 whole frames ``(32, 224, 224, 3)``."""
        return self._score("aesthetic", frames, see)

    def _score(
        self, branch: str, frames: npt.NDArray[np.uint8], see: Callable[[str, Tensor], None] | None
    ) -> float:
        import torch

        with torch.inference_mode():
            clip = torch.from_numpy(frames.copy()).float()
            clip = ((clip - torch.tensor(_MEAN)) / torch.tensor(_STD)).permute(3, 0, 1, 2)
            backbone = self._parts[f"{branch}_backbone"]
            if self.model is Model.mobile:
                features = convnext(backbone, CONVNEXT_FEMTO, clip, see)
            elif branch == "technical":
                features = swin(backbone, clip, see)
            else:
                features = convnext(backbone, CONVNEXT_TINY, clip, see)
            return float(_head(self._parts[f"{branch}_head"], features).mean())


def _head(weights: Mapping[str, Tensor], features: Tensor) -> Tensor:
    """A score for each place and time, ``(16, 7, 7, 1)``."""
    from torch.nn import functional

    hidden = functional.linear(
        features, weights["fc_hid.weight"].flatten(1), weights["fc_hid.bias"]
    )
    return functional.linear(
        functional.gelu(hidden), weights["fc_last.weight"].flatten(1), weights["fc_last.bias"]
    )
