"""How the largest face of a clip moves, from the series alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries
from curator.model.signal import Signal

__all__ = ["movement"]


def movement(clip: ClipSeries) -> dict[str, Signal]:
    """`movement`, `talking` and `jumps`, from neighbouring samples that both show a face."""
    there = np.isfinite(clip.series["height"].values)
    near = there[1:] & there[:-1]
    jumped = _jumped(clip)[near]
    same = np.flatnonzero(near)[~jumped]
    jumps = Signal(float(jumped.sum())) if near.any() else Signal(None, absent="no-face")
    if not len(same):
        nothing = Signal(None, absent="no-face")
        return {"movement": nothing, "talking": nothing, "jumps": jumps}
    seconds = float(np.diff(clip.series["height"].seconds)[same].sum())
    mouth = np.abs(_steps(clip, "mouth_open")[same])
    return {
        "movement": Signal(float(_paths(clip)[same].sum()) / seconds),
        "talking": Signal(float(mouth.sum()) / seconds),
        "jumps": jumps,
    }


def _jumped(clip: ClipSeries) -> npt.NDArray[np.bool_]:
    """``(n - 1,)`` whether the boxes of two neighbouring samples have nothing in common."""
    apart = [
        np.abs(_steps(clip, place)) > _means(clip, size)
        for place, size in (("x", "width"), ("y", "height"))
    ]
    return np.logical_or(*apart)


def _paths(clip: ClipSeries) -> npt.NDArray[np.float64]:
    """``(n - 1,)`` way of the centre between neighbouring samples, in face heights."""
    stream = clip.video.video
    aspect = stream.display_width_px / stream.display_height_px
    return np.hypot(_steps(clip, "x") * aspect, _steps(clip, "y")) / _means(clip, "height")


def _steps(clip: ClipSeries, name: str) -> npt.NDArray[np.float64]:
    return np.diff(clip.series[name].values.astype(np.float64))


def _means(clip: ClipSeries, name: str) -> npt.NDArray[np.float64]:
    values = clip.series[name].values.astype(np.float64)
    return (values[1:] + values[:-1]) / 2
