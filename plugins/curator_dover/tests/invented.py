"""Weights and pictures made of random numbers, the same everywhere: for networks without a checkpoint."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from curator_dover.layout import Model, layout


def weights(model: Model) -> dict[str, torch.Tensor]:
    """Every array of the network, of a size at which signals neither die nor explode."""
    made = {}
    for index, (name, shape) in enumerate(sorted(layout(model).items())):
        values = np.random.default_rng(index).standard_normal(shape)
        if "bias_table" in name:
            values *= 0.5
        elif "gamma" in name or "beta" in name:
            values *= 0.3
        elif len(shape) == 1 and name.endswith("weight"):
            values = 1 + 0.2 * values
        elif len(shape) == 1:
            values *= 0.05
        else:
            values *= min(0.2, prod(shape[1:]) ** -0.5)
        made[name] = torch.from_numpy(values.astype(np.float32))
    return made


def clip(seed: int = 0) -> np.ndarray:
    """``(32, 224, 224, 3)``: noise on a slope that moves."""
    noise = np.random.default_rng(seed).integers(0, 80, (32, 224, 224, 3))
    slope = np.linspace(0, 150, 224)[None, :, None, None]
    return np.asarray(noise + slope + np.arange(16).repeat(2)[:, None, None, None]).astype(np.uint8)
