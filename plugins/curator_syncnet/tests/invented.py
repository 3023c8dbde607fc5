"""Weights made of random numbers, the same everywhere: for a network without a checkpoint."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from curator_syncnet.layout import layout


def weights() -> dict[str, torch.Tensor]:
    """Every array of the network, of a size at which signals neither die nor explode."""
    made = {}
    for index, (name, shape) in enumerate(sorted(layout().items())):
        rng = np.random.default_rng(index)
        values = rng.standard_normal(shape)
        if name.endswith("running_var"):
            values = 0.5 + rng.random(shape)
        elif len(shape) == 1 and name.endswith("weight"):
            values = 1 + 0.2 * values
        elif len(shape) == 1:
            values *= 0.1
        else:
            values *= (2 / prod(shape[1:])) ** 0.5
        made[name] = torch.from_numpy(values.astype(np.float32))
    return made
