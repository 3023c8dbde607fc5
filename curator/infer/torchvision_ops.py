"""Lets torchvision be imported beside a build of torch that its compiled operators do not fit.

The wheel of torchvision on the Python package index is made for the CUDA build of torch. Beside a CPU
build its library cannot be loaded, and `import torchvision` (so timm and open_clip, too) ends in
``operator torchvision::nms does not exist``: two operators are described before anybody asks whether
they are there. Pictures are resized and normalised without any of them.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["make_importable"]

_DESCRIBED = ("nms", "qnms")
"""The operators that torchvision describes without looking."""
_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache
def make_importable() -> Any:
    """Declare the operators that torchvision wants to describe, unless the real ones can be loaded.

    To be called before the first import of torchvision, and harmless after it. Who calls a declared
    operator is told that it has no implementation. Returns what keeps the declarations alive (None
    when there are none).

    Raises:
        ImportError: without torch.
    """
    import torch

    if "torchvision" in sys.modules or _real_operators_load():
        return None
    kind: Any = torch.library.Library
    library = kind("torchvision", "FRAGMENT")
    for name in _DESCRIBED:
        if not hasattr(torch.ops.torchvision, name):  # others may have had the same need
            library.define(f"{name}{_ARGUMENTS}")
    return library


def _real_operators_load() -> bool:
    """Load the compiled operators, as torchvision is about to; False where that cannot be done."""
    import torch

    operators: Any = torch.ops
    spec = importlib.util.find_spec("torchvision")
    folders = (spec.submodule_search_locations if spec else None) or ()
    for folder in map(Path, folders):
        for path in sorted((*folder.glob("_C*.so"), *folder.glob("_C*.pyd"))):
            try:
                operators.load_library(str(path))
            except OSError:
                continue
            return True
    return False
