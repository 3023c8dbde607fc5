"""A checkpoint file as the arrays that a network needs, checked by name and shape."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.errors import MeasureError
from curator_dover.layout import Model, layout

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["load"]


def load(path: Path, model: Model) -> dict[str, Tensor]:
    """What `model` needs of the file at `path`, single precision; whatever else it holds is left out.

    Reads PyTorch files (data only: nothing in them is executed) and safetensors.

    Raises:
        MeasureError: ``extra-missing`` without torch, ``weights-unreadable`` when it is no
            checkpoint, ``weights-mismatch`` when it is that of another network.
    """
    held = _unwrapped(_read(path))
    wanted = layout(model)
    missing = [name for name in wanted if name not in held]
    if missing:
        raise MeasureError(
            f"the checkpoint lacks {len(missing)} of {len(wanted)} arrays of {model.name}, first '{missing[0]}'",
            reason="weights-mismatch",
            hint="the op `dover` takes DOVER.pth or DOVER_plus_plus.pth, `dover_mobile` takes DOVER-Mobile.pth",
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
            f"DOVER needs torch: {error}",
            reason="extra-missing",
            hint="pip install 'curator-build[dover]'",
        ) from error
    with path.open("rb") as file:
        head = file.read(9)
    try:
        if head[8:9] == b"{":
            return _safetensors(path)
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


def _safetensors(path: Path) -> dict[str, Tensor]:
    """The arrays of a safetensors file: the length of a JSON header, the header, the numbers."""
    import torch

    kinds = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}  # fmt: skip
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in kinds:
            continue
        first, last = (start + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(data[first:last]), dtype=kinds[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    return arrays


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
