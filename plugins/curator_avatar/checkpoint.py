"""Arrays out of a PyTorch checkpoint of before 1.6, without PyTorch and without running what it says.

Such a file is a row of pickles, then the raw numbers. A pickle may name any function for the reader
to call, so this one knows three names and refuses every other: the worst that a bad file can do is
to be refused.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.errors import MeasureError

__all__ = ["read_checkpoint"]

_Floats: TypeAlias = npt.NDArray[np.float32]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The checkpoint's dictionary; its tensors are ``float32`` arrays.

    Raises:
        MeasureError: ``weights-unreadable`` when it is no such file, is cut short, or holds anything
            but plain values and ``float32`` tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise MeasureError(
            f"'{path}' is not a checkpoint of arrays that can be read safely: {error}",
            reason="weights-unreadable",
        ) from error


def _read(file: IO[bytes]) -> dict[str, Any]:
    storages: dict[str, _Floats] = {}
    if _Plain(file, storages).load() != _MAGIC or _Plain(file, storages).load() != _PROTOCOL:
        raise ValueError("it does not begin as PyTorch checkpoints did")
    _Plain(file, storages).load()  # the byte order and integer sizes of the writer
    content = _Plain(file, storages).load()
    if not isinstance(content, dict):
        raise TypeError("it holds no dictionary")
    for key in _Plain(file, storages).load():
        _fill(file, storages[key])
    return content


def _fill(file: IO[bytes], storage: _Floats) -> None:
    """Each storage is its length and its numbers, little-endian; tensors are views of it."""
    (count,) = np.frombuffer(file.read(8), "<i8").tolist()
    raw = file.read(4 * storage.size)
    if count != storage.size or len(raw) != 4 * storage.size:
        raise ValueError("it was cut short")
    storage[:] = np.frombuffer(raw, "<f4")


class _Plain(pickle.Unpickler):
    """Knows dictionaries and tensors, nothing else."""

    def __init__(self, file: IO[bytes], storages: dict[str, _Floats]) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        known: dict[str, Callable[..., Any]] = {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor_v2": _tensor,
            "torch.FloatStorage": _Floats32,
        }
        if f"{module}.{name}" not in known:
            raise pickle.UnpicklingError(f"it asks for '{module}.{name}'")
        return known[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> _Floats:
        kind, storage, key, _, count, view = pid
        if kind != "storage" or storage is not _Floats32 or view is not None:
            raise pickle.UnpicklingError(f"it holds {storage}, not 32 bit numbers")
        if not 0 <= count <= _MOST_NUMBERS:
            raise pickle.UnpicklingError(f"it wants room for {count} numbers")
        return self._storages.setdefault(key, np.zeros(count, np.float32))


_MOST_NUMBERS = 1 << 26


class _Floats32:
    """Stands for the type of storage; nothing is ever made of it."""


def _tensor(
    storage: _Floats, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _Floats:
    if offset < 0 or min((*size, *stride), default=0) < 0:
        raise pickle.UnpicklingError("a tensor lies outside of its storage")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= storage.size:
        raise pickle.UnpicklingError("a tensor lies outside of its storage")
    part = storage[offset:]
    view: _Floats = np.lib.stride_tricks.as_strided(
        part, size, [4 * step for step in stride], writeable=False
    )
    return view
