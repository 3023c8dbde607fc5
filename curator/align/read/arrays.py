"""NumPy files from strangers: no pickle, and nothing that unpacks to more than it says."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from curator.abc.reader import Sidecar
from curator.align.read.bounded import DATA_BYTES, check_size, invalid, read_bytes

__all__ = ["read_arrays", "scalar"]

_MOST_ARRAYS = 4096
_HEADER_BYTES = 10_000


def read_arrays(
    file: Sidecar, wanted: Collection[str] | None = None
) -> Mapping[str, npt.NDArray[Any]]:
    """Arrays of a ``.npz`` by name, or the one of a ``.npy`` as ``""``; arrays of objects are left out.

    Args:
        file: the file.
        wanted: names to be read, where they exist; all unless given.

    Raises:
        SourceError: ``sidecar-invalid``: damaged, or larger than `DATA_BYTES` when unpacked.
    """
    if PurePosixPath(file.name).suffix.lower() == ".npy":
        data = read_bytes(file, DATA_BYTES)
        return {"": _array(file, "the array", io.BytesIO(data), len(data))}
    check_size(file)
    try:
        with zipfile.ZipFile(file.path) as archive:
            return _members(file, archive, wanted)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise invalid(file, f"no NPZ that can be read: {error}") from error


def scalar(array: npt.NDArray[Any]) -> Any:
    """The one value of an array of any shape, as Python's own."""
    return array.reshape(-1)[0].item()


def _members(
    file: Sidecar, archive: zipfile.ZipFile, wanted: Collection[str] | None
) -> dict[str, npt.NDArray[Any]]:
    members = {
        one.filename.removesuffix(".npy"): one
        for one in archive.infolist()
        if one.filename.endswith(".npy")
    }
    if len(members) > _MOST_ARRAYS:
        raise invalid(file, f"{len(members)} arrays, at most {_MOST_ARRAYS} are read")
    chosen = {name: one for name, one in members.items() if wanted is None or name in wanted}
    total = sum(one.file_size for one in chosen.values())
    if total > DATA_BYTES:
        raise invalid(file, f"{total} bytes when unpacked, at most {DATA_BYTES} are read")
    out = {}
    for name, member in chosen.items():
        with archive.open(member) as opened:
            array = _array(file, f"array '{name}'", opened, member.file_size)
        if array.dtype != object:
            out[name] = array
    return out


def _array(file: Sidecar, at: str, opened: IO[bytes], size: int) -> npt.NDArray[Any]:
    """The array, after its header has been compared with what is there.

    NumPy would first reserve what the header asks for.
    """
    try:
        shape, fortran, dtype = _header(opened)
    except (ValueError, EOFError) as error:
        raise invalid(file, f"no array: {error}", at=at) from error
    if dtype.hasobject:
        return np.zeros(0, dtype=object)
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize > size:
        raise invalid(file, f"shape {shape} is more than the file holds", at=at)
    data = opened.read(math.prod(shape) * dtype.itemsize)
    if len(data) < math.prod(shape) * dtype.itemsize:
        raise invalid(file, "is cut off", at=at)
    flat = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(opened: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(opened)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"format {version} is not known")
    return read(opened, max_header_size=_HEADER_BYTES)
