"""Which part of each frame a clip shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curator.model.series import Series

__all__ = ["CropPath"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CropPath:
    """A box for every frame of a clip, all of one size.

    Raises:
        ValueError: when there is no box, one is empty or unknown, or they differ in size.
    """

    boxes: Series
    """``(n, 4)`` float64 x, y, width and height in pixels of the source as shown, on the video's clock; x and y are of the top left corner and fall between pixels where they must."""

    def __post_init__(self) -> None:
        values = np.asarray(self.boxes.values)
        if values.ndim != 2 or values.shape[1] != 4 or not len(values):
            raise ValueError(f"a path has four numbers per frame, got {values.shape = }")
        if not np.isfinite(values).all() or not (values[:, 2:] > 0).all():
            raise ValueError("every box of a path has a place and a size")
        if not (values[:, 2:] == values[0, 2:]).all():
            raise ValueError("the boxes of a path have one size")

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of every box, pixels of the source as shown."""
        width, height = self.values[0, 2:].tolist()
        return width, height

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """``(n, 4)``."""
        return np.asarray(self.boxes.values, np.float64)
