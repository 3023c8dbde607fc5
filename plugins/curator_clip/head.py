"""The published heads that turn a picture's vector into one number that people would give it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.errors import MeasureError
from curator_clip.describe import open_clip
from curator_clip.load import is_safetensors

__all__ = ["Head"]

_Floats: TypeAlias = npt.NDArray[np.float64]
_LAYERS = (
    ("",),
    # Numbers 1, 3 and 5 are dropout, which does nothing here; no layer has an activation.
    ("layers.0.", "layers.2.", "layers.4.", "layers.6.", "layers.7."),
)
"""Names in the published heads: one linear layer, and five in a row."""


class Head:
    """Linear layers, one after the other, from a file of them.

    Raises:
        MeasureError: ``weights-mismatch`` when it is no such file, or for vectors of another size.
    """

    def __init__(self, path: Path, *, size: int) -> None:
        held = _read(path)
        names = next((one for one in _LAYERS if set(held) == _arrays_of(one)), None)
        if names is None:
            raise _mismatch(f"it holds {', '.join(sorted(held)[:6])}")
        self._layers = [(held[f"{name}weight"], held[f"{name}bias"]) for name in names]
        sizes = [size, *(len(bias) for _, bias in self._layers)]
        for (weight, _), taken, given in zip(self._layers, sizes, sizes[1:], strict=False):
            if weight.shape != (given, taken):
                raise _mismatch(
                    f"a layer has shape {weight.shape} where ({given}, {taken}) belongs"
                )
        if sizes[-1] != 1:
            raise _mismatch(f"it gives {sizes[-1]} numbers")

    def __call__(self, vector: npt.NDArray[np.float32]) -> float:
        """The score of a unit vector."""
        value = vector.astype(np.float64)
        for weight, bias in self._layers:
            value = weight @ value + bias
        return float(value[0])


def _arrays_of(names: tuple[str, ...]) -> set[str]:
    return {f"{name}{kind}" for name in names for kind in ("weight", "bias")}


def _read(path: Path) -> dict[str, _Floats]:
    open_clip()  # says what to install when torch is missing
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        held: Any = (
            load_file(path)
            if is_safetensors(path)
            else torch.load(path, map_location="cpu", weights_only=True)
        )
        return {str(name): one.numpy().astype(np.float64) for name, one in held.items()}
    except (
        AttributeError,
        EOFError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        raise _mismatch(str(error).partition("\n")[0]) from error


def _mismatch(why: str) -> MeasureError:
    return MeasureError(
        f"the file given as `head` is no aesthetic head for this network: {why}",
        reason="weights-mismatch",
        hint="heads of LAION are for one network each, most for ViT-L-14 with training openai",
    )
