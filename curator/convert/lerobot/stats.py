"""Statistics of features, as LeRobot computes and joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from curator.media.clips import decode_pictures
from curator.media.mp4 import read_index

__all__ = ["Stats", "joined", "picture_stats", "value_stats"]

_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_MOST_PICTURES = 100
_SIDE = 150
"""Pictures are thinned out to about this many pixels a side."""

Floats = npt.NDArray[np.float64]
Stats = Mapping[str, npt.NDArray[np.generic]]


def value_stats(values: npt.NDArray[np.generic]) -> Stats:
    """Of ``(n, width)`` or ``(n,)`` values, over n."""
    held = np.asarray(values, np.float64).reshape(len(values), -1)
    return _stats(held, len(held))


def picture_stats(clip: bytes) -> Stats:
    """Of the pictures of an MP4, 0 to 1, for each colour: arrays of shape (3, 1, 1), count of pictures."""
    index = read_index(lambda offset, size: clip[offset : offset + size])
    count = min(len(index), max(1, min(_MOST_PICTURES, len(index) // 4 + 1)))
    frames = np.unique(np.linspace(0, len(index) - 1, count).round().astype(np.int64))
    pictures = decode_pictures(index, lambda offset, size: clip[offset : offset + size], frames)
    step = max(1, min(pictures.shape[2:]) // _SIDE)
    thin = pictures[:, :, ::step, ::step]
    pixels = thin.transpose(0, 2, 3, 1).reshape(-1, 3).astype(np.float64) / 255
    made = _stats(pixels, len(frames))
    return {n: v if n == "count" else v.reshape(3, 1, 1) for n, v in made.items()}


def joined(parts: Sequence[Stats]) -> Stats:
    """Of several episodes together. Quantiles are means of theirs, by count, as LeRobot has it."""
    counts = np.asarray([part["count"][0] for part in parts], np.float64)
    total = counts.sum()

    def mean_of(name: str) -> Floats:
        held = np.stack([np.asarray(part[name], np.float64) for part in parts])
        weights = counts.reshape(-1, *([1] * (held.ndim - 1)))
        summed: Floats = (held * weights).sum(axis=0) / total
        return summed

    mean = mean_of("mean")
    spread = [
        {
            "v": np.square(np.asarray(p["std"], np.float64))
            + np.square(np.asarray(p["mean"], np.float64) - mean)
        }
        for p in parts
    ]
    held = np.stack([one["v"] for one in spread])
    weights = counts.reshape(-1, *([1] * (held.ndim - 1)))
    return {
        "min": np.min(np.stack([part["min"] for part in parts]), axis=0),
        "max": np.max(np.stack([part["max"] for part in parts]), axis=0),
        "mean": mean,
        "std": np.sqrt((held * weights).sum(axis=0) / total),
        "count": np.asarray([int(total)]),
        **{name: mean_of(name) for name in _QUANTILES},
    }


def _stats(values: Floats, count: int) -> Stats:
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.asarray([count]),
        **{name: np.quantile(values, q, axis=0) for name, q in _QUANTILES.items()},
    }
