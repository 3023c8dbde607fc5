"""Windows of different lengths to one batch: padded with zeros, and masks that say what is real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["collate"]

_ABSENT = float("nan")
_UNMASKED = ("_seconds", "_chroma", "_to_rgb")
"""What goes with a track whose mask speaks for it."""


def collate(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A batch of windows, by track.

    Tensors of one track are padded at the end of every axis to the largest. ``NAME_mask`` is True
    where the first axis that counts time is real: ``video_mask`` ``(batch, frames)``, ``audio_mask``
    ``(batch, samples)``. A sample without the track is all padding. Where pictures differ in size,
    ``video_size`` ``(batch, 2)`` says the real heights and widths. Signals become a float64 array
    each, NaN where there is none; texts, ids and names stay lists.
    """
    assert samples, "a batch has samples"
    batch: dict[str, Any] = {}
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        if name == "signals":
            batch[name] = _signals(values)
        else:
            batch |= _column(name, values)
    return batch


def _column(name: str, values: list[Any]) -> dict[str, Any]:
    import torch

    real = [value for value in values if isinstance(value, torch.Tensor)]
    if real:
        return _padded(name, values, real)
    if all(isinstance(value, float) for value in values):
        return {name: torch.tensor(values, dtype=torch.float64)}
    if all(isinstance(value, int) for value in values):
        return {name: torch.tensor(values, dtype=torch.int64)}
    return {name: values}


def _padded(
    name: str, values: list[torch.Tensor | None], real: list[torch.Tensor]
) -> dict[str, Any]:
    import torch

    axes = {value.dim() for value in real}
    assert len(axes) == 1, f"{name} has one shape but for lengths"
    largest = [max(value.shape[axis] for value in real) for axis in range(axes.pop())]
    if not largest:
        return {name: torch.stack(real)} if len(real) == len(values) else {name: values}
    time = 1 if name == "audio" else 0
    together = _together(values, largest)
    whole = _room((len(values), *largest), real[0].dtype) if together is None else together
    mask = torch.zeros(len(values), largest[time], dtype=torch.bool)
    for row, value in enumerate(values):
        if value is None:
            whole[row] = 0
            continue
        mask[row, : value.shape[time]] = True
        if together is None:
            if list(value.shape) != largest:
                whole[row] = 0
            corner: tuple[int | slice, ...] = (row, *(slice(size) for size in value.shape))
            whole[corner] = value
    batch = {name: whole} if name.endswith(_UNMASKED) else {name: whole, f"{name}_mask": mask}
    if name == "video" and len({value.shape[-2:] for value in real}) > 1:
        sizes = [(0, 0) if value is None else tuple(value.shape[-2:]) for value in values]
        batch["video_size"] = torch.tensor(sizes)
    return batch


def _together(values: list[torch.Tensor | None], largest: list[int]) -> torch.Tensor | None:
    """The tensor in which these lie row by row, at the corner of each, if they do: padded as it should be."""
    whole = next((value._base for value in values if value is not None), None)  # noqa: SLF001
    if whole is None or list(whole.shape) != [len(values), *largest]:
        return None
    for row, value in enumerate(values):
        if value is None:
            continue
        there = whole.data_ptr() + row * whole.stride(0) * whole.element_size()
        if value._base is not whole or value.data_ptr() != there:  # noqa: SLF001
            return None
        if value.stride() != whole.stride()[1:]:
            return None
    return whole


def _room(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """An uninitialised tensor; in a worker in shared memory, so that it need not be copied there."""
    import torch
    from torch.utils.data import get_worker_info

    from curator.loader.lending import BLOCKS, shared_empty

    if get_worker_info() is None:
        return torch.empty(shape, dtype=dtype)
    return BLOCKS.lend(shape) if dtype is torch.uint8 else shared_empty(shape, dtype)


def _signals(values: list[Mapping[str, Any]]) -> dict[str, Any]:
    # Not tensors: each of those goes from a worker as a file of its own, and there are a hundred.
    columns: dict[str, Any] = {}
    for name in values[0]:
        column = [value[name] for value in values]
        if any(isinstance(value, str) for value in column):
            columns[name] = column
        else:
            floats = [_ABSENT if value is None else float(value) for value in column]
            columns[name] = np.array(floats)
    return columns
