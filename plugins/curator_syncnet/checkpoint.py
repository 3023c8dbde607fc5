"""A checkpoint file as the arrays that the network needs, checked by name and shape."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.errors import MeasureError
from curator_syncnet.layout import layout

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["load"]


def load(path: Path) -> dict[str, Tensor]:
    """The arrays of a PyTorch file, single precision (data only: nothing in it is executed).

    Raises:
        MeasureError: ``extra-missing`` without torch, ``weights-unreadable`` when it is no
            checkpoint, ``weights-mismatch`` when it is that of another network.
    """
    held, wanted = _unwrapped(_read(path)), layout()
    missing = [name for name in wanted if name not in held]
    if missing:
        raise MeasureError(
            f"the checkpoint lacks {len(missing)} of {len(wanted)} arrays of SyncNet, first '{missing[0]}'",
            reason="weights-mismatch",
            hint="the measure `syncnet` takes syncnet_v2.model of the authors",
        )
    for name, shape in wanted.items():
        if tuple(held[name].shape) != shape:
            raise MeasureError(
                f"'{name}' of the checkpoint has shape {tuple(held[name].shape)}, not {shape}",
                reason="weights-mismatch",
            )
    return {name: held[name].detach().float().contiguous() for name in wanted}


def _read(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MeasureError(
            f"SyncNet needs torch: {error}",
            reason="extra-missing",
            hint="pip install 'curator-build[syncnet]'",
        ) from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
    ) as error:
        raise MeasureError(
            f"'{path.name}' cannot be read as a checkpoint: {error}", reason="weights-unreadable"
        ) from error


def _unwrapped(read: Any) -> Mapping[str, Tensor]:
    """The arrays by name, whether or not training wrapped them."""
    import torch

    if isinstance(read, Mapping) and isinstance(read.get("state_dict"), Mapping):
        read = read["state_dict"]
    if not isinstance(read, Mapping):
        raise MeasureError("the file holds no named arrays", reason="weights-unreadable")
    return {
        str(name).removeprefix("module."): one
        for name, one in read.items()
        if isinstance(one, torch.Tensor)
    }
