"""The technical branch of DOVER: a 3D Swin Transformer whose position bias knows of fragments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from curator_dover.layout import SWIN_DEPTHS, SWIN_HEADS, WINDOW

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["swin"]

_GRID = 7  # fragments to a side
_APART = -100.0  # added to the attention of tokens that only the cyclic shift made neighbours
_WINDOWS_AT_ONCE = 16  # bounds memory: attention of a whole clip would take 240 MB


def swin(
    weights: Mapping[str, Tensor], clip: Tensor, see: Callable[[str, Tensor], None] | None = None
) -> Tensor:
    """Features ``(16, 7, 7, 768)`` of one clip ``(3, 32, 224, 224)`` of fragments, normalised.

    `weights` are named as in the checkpoint, without the prefix of the branch. `see` is shown the
    result of each stage.
    Source: Liu et al., "Video Swin Transformer", CVPR 2022; gated relative position bias after Wu
    et al., "FAST-VQA", ECCV 2022.
    """
    from torch.nn import functional

    x = functional.conv3d(
        clip[None], weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], (2, 4, 4)
    )
    x = _norm(weights, "patch_embed.norm", x[0].permute(1, 2, 3, 0))
    for stage, depth in enumerate(SWIN_DEPTHS):
        for block in range(depth):
            x = _block(weights, f"layers.{stage}.blocks.{block}", x, stage, shifted=block % 2 == 1)
        if stage < len(SWIN_DEPTHS) - 1:
            x = _merge(weights, f"layers.{stage}.downsample", x)
        if see is not None:
            see(f"layers.{stage}", x)
    return _norm(weights, "norm", x)


def _block(
    weights: Mapping[str, Tensor], name: str, x: Tensor, stage: int, *, shifted: bool
) -> Tensor:
    from torch.nn import functional

    normed = _norm(weights, f"{name}.norm1", x)
    x = x + _attention(weights, f"{name}.attn", normed, stage, shifted=shifted)
    hidden = functional.gelu(
        _linear(weights, f"{name}.mlp.fc1", _norm(weights, f"{name}.norm2", x))
    )
    return x + _linear(weights, f"{name}.mlp.fc2", hidden)


def _attention(
    weights: Mapping[str, Tensor], name: str, x: Tensor, stage: int, *, shifted: bool
) -> Tensor:
    """Self-attention of ``(time, rows, columns, width)`` within windows."""
    import torch

    size = (x.shape[0], x.shape[1], x.shape[2])
    window = _fit(size, WINDOW)
    # Along an axis that one window covers there is nothing to shift.
    shift = tuple(
        side // 2 if shifted and side < whole else 0
        for side, whole in zip(window, size, strict=True)
    )
    tokens = _windows(torch.roll(x, tuple(-step for step in shift), (0, 1, 2)), window)
    bias = _Bias(weights, name, _geometry(size, window, shift), window)
    mixed = [
        _attend(weights, name, tokens[part], bias[part], SWIN_HEADS[stage])
        for part in _parts(len(tokens))
    ]
    x = _unwindow(torch.cat(mixed), window, size)
    return torch.roll(x, shift, (0, 1, 2))


class _Bias:
    """What is added to the attention of each pair of tokens, made for a few windows at a time."""

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        name: str,
        geometry: tuple[Tensor, Tensor],
        window: tuple[int, ...],
    ) -> None:
        rows = _offsets(window)
        table = weights.get(f"{name}.fragment_position_bias_table")
        self._apart = weights[f"{name}.relative_position_bias_table"][rows].permute(2, 0, 1)
        self._together = None if table is None else table[rows].permute(2, 0, 1)
        self._far, self._stranger = geometry

    def __getitem__(self, windows: slice) -> Tensor:
        """``(windows, heads, n, n)``."""
        bias = self._apart[None]
        if self._together is not None:
            # The gate is the distance in fragments, not a flag: so it was trained.
            gate = self._far[windows, None].float()
            bias = bias * gate + self._together[None] * (1 - gate)
        return bias + self._stranger[windows, None] * _APART


def _parts(count: int) -> Iterator[slice]:
    for first in range(0, count, _WINDOWS_AT_ONCE):
        yield slice(first, first + _WINDOWS_AT_ONCE)


def _attend(
    weights: Mapping[str, Tensor], name: str, tokens: Tensor, bias: Tensor, heads: int
) -> Tensor:
    """``(windows, n, width)`` to the same; `bias` is ``(windows or 1, heads, n, n)``."""
    count, n, width = tokens.shape
    qkv = _linear(weights, f"{name}.qkv", tokens).reshape(count, n, 3, heads, width // heads)
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    scores = (query * (width // heads) ** -0.5) @ key.transpose(-2, -1) + bias
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(count, n, width)
    return _linear(weights, f"{name}.proj", mixed)


def _merge(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Half the rows and columns, twice the width."""
    import torch
    from torch.nn import functional

    corners = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
    x = _norm(weights, f"{name}.norm", torch.cat(corners, -1))
    return functional.linear(x, weights[f"{name}.reduction.weight"])


def _norm(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    from torch.nn import functional

    scale, offset = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(x, scale.shape, scale, offset, 1e-5)


def _linear(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    from torch.nn import functional

    return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


# --- windows


def _fit(size: tuple[int, ...], window: tuple[int, ...]) -> tuple[int, ...]:
    fitted = tuple(min(pair) for pair in zip(size, window, strict=True))
    assert not any(whole % side for whole, side in zip(size, fitted, strict=True)), size
    return fitted


def _windows(x: Tensor, window: tuple[int, ...]) -> Tensor:
    """``(time, rows, columns, ...)`` to ``(windows, tokens, ...)``."""
    time, rows, columns = window
    counts = (x.shape[0] // time, x.shape[1] // rows, x.shape[2] // columns)
    x = x.reshape(counts[0], time, counts[1], rows, counts[2], columns, -1)
    return x.permute(0, 2, 4, 1, 3, 5, 6).reshape(-1, time * rows * columns, x.shape[-1])


def _unwindow(x: Tensor, window: tuple[int, ...], size: tuple[int, ...]) -> Tensor:
    time, rows, columns = window
    x = x.reshape(size[0] // time, size[1] // rows, size[2] // columns, time, rows, columns, -1)
    return x.permute(0, 3, 1, 4, 2, 5, 6).reshape(*size, x.shape[-1])


@cache
def _offsets(window: tuple[int, ...]) -> Tensor:
    """For each pair of tokens of a window, the row of the bias table for where they lie to each other."""
    import torch

    places = torch.cartesian_prod(*(torch.arange(side) for side in window))
    apart = places[:, None] - places[None] + torch.tensor(WINDOW) - 1
    _, rows, columns = (2 * side - 1 for side in WINDOW)
    return (apart[..., 0] * rows + apart[..., 1]) * columns + apart[..., 2]


@cache
def _geometry(
    size: tuple[int, ...], window: tuple[int, ...], shift: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """For each pair of tokens of each window: how many fragments apart, and whether they are strangers.

    ``(windows, n, n)`` bytes and flags: 100 MB for all stages, so they are kept small.
    """
    import torch

    row = (torch.arange(size[1]) * _GRID // size[1]).to(torch.int8)
    column = (torch.arange(size[2]) * _GRID // size[2]).to(torch.int8)
    back = tuple(-step for step in shift)
    rows = row[None, :, None].expand(size).roll(back, (0, 1, 2))
    columns = column[None, None].expand(size).roll(back, (0, 1, 2))
    far = (_between(rows, window) + _between(columns, window)).to(torch.uint8)
    # After a shift, the last window of an axis holds tokens from both ends of it.
    ends = [
        sum((torch.arange(whole) >= whole - reach).to(torch.int8) for reach in (side, step) if step)
        + torch.zeros(whole, dtype=torch.int8)
        for whole, side, step in zip(size, window, shift, strict=True)
    ]
    regions = 9 * ends[0][:, None, None] + 3 * ends[1][:, None] + ends[2]
    return far, _between(regions, window) != 0


def _between(labels: Tensor, window: tuple[int, ...]) -> Tensor:
    """Difference of the labels of each pair of tokens of each window, ``(windows, n, n)``."""
    tokens = _windows(labels[..., None], window)[..., 0]
    return (tokens[:, None] - tokens[:, :, None]).abs()
