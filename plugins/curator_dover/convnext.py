"""ConvNeXt with a time axis: the aesthetic branch of DOVER, and both branches of DOVER-Mobile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from curator_dover.layout import ConvNext

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["convnext"]


def convnext(
    weights: Mapping[str, Tensor],
    net: ConvNext,
    clip: Tensor,
    see: Callable[[str, Tensor], None] | None = None,
) -> Tensor:
    """Features ``(16, 7, 7, width)`` of one clip ``(3, 32, 224, 224)``, normalised.

    `weights` are named as in the checkpoint, without the prefix of the branch. `see` is shown the
    result of each stage.
    Source: Liu et al., "A ConvNet for the 2020s", CVPR 2022; Woo et al., "ConvNeXt V2", CVPR 2023.
    """
    x = clip[None]
    for stage, depth in enumerate(net.depths):
        x = _down(weights, f"downsample_layers.{stage}", x, first=stage == 0)
        for block in range(depth):
            x = x + _block(weights, f"stages.{stage}.{block}", x, net, block)
        if see is not None:
            see(f"stages.{stage}", x[0].permute(1, 2, 3, 0))
    return _norm(weights, "norm", x.permute(0, 2, 3, 4, 1))[0]


def _down(weights: Mapping[str, Tensor], name: str, x: Tensor, *, first: bool) -> Tensor:
    """A quarter of the rows and columns and half the frames at first; half the rows and columns later."""
    from torch.nn import functional

    conv, norm = (f"{name}.0", f"{name}.1") if first else (f"{name}.1", f"{name}.0")
    step = (2, 4, 4) if first else (1, 2, 2)
    if not first:
        x = _norm_channels(weights, norm, x)
    x = functional.conv3d(x, weights[f"{conv}.weight"], weights[f"{conv}.bias"], step)
    return _norm_channels(weights, norm, x) if first else x


def _block(
    weights: Mapping[str, Tensor], name: str, x: Tensor, net: ConvNext, block: int
) -> Tensor:
    from torch.nn import functional

    reach = net.reach(block)
    kernel, offset = weights[f"{name}.dwconv.weight"], weights[f"{name}.dwconv.bias"]
    x = functional.conv3d(x, kernel, offset, padding=(reach // 2, 3, 3), groups=x.shape[1])
    x = _norm(weights, f"{name}.norm", x.permute(0, 2, 3, 4, 1))
    x = functional.gelu(_linear(weights, f"{name}.pwconv1", x))
    if net.second:
        x = _respond(weights, f"{name}.grn", x)
    x = _linear(weights, f"{name}.pwconv2", x)
    if not net.second:
        x = x * weights[f"{name}.gamma"]
    return x.permute(0, 4, 1, 2, 3)


def _respond(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Global response normalisation of ``(1, time, rows, columns, width)``."""
    # Over time and rows but not columns: written for pictures and trained on videos like this.
    strength = x.square().sum((1, 2), keepdim=True).sqrt()
    relative = strength / (strength.mean(-1, keepdim=True) + 1e-6)
    return weights[f"{name}.gamma"] * (x * relative) + weights[f"{name}.beta"] + x


def _norm_channels(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    return _norm(weights, name, x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


def _norm(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    from torch.nn import functional

    scale, offset = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(x, scale.shape, scale, offset, 1e-6)


def _linear(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    from torch.nn import functional

    return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
