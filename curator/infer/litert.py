"""One TensorFlow Lite network on one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curator.errors import MeasureError

__all__ = ["Net"]


class Net:
    """A network with one picture as input, loaded for the measure `wanted_by`; outputs are as stored.

    Raises:
        MeasureError: ``extra-missing`` without LiteRT, ``weights-unreadable`` when it is no network.
    """

    def __init__(self, path: Path, *, wanted_by: str, extra: str = "face") -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MeasureError(
                f"the measure '{wanted_by}' needs LiteRT: {error}",
                reason="extra-missing",
                hint=f"pip install 'curator-build[{extra}]'",
            ) from error
        try:
            self._interpreter: Any = Interpreter(str(path), num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise MeasureError(
                f"'{path}' is not a network that LiteRT can run: {error}",
                reason="weights-unreadable",
            ) from error
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()

    @property
    def side_px(self) -> int:
        """Side of the square picture that it takes."""
        return int(self._input["shape"][1])

    def __call__(
        self, picture: npt.NDArray[np.float32] | npt.NDArray[np.uint8]
    ) -> list[npt.NDArray[np.float32]]:
        """Outputs in the network's order for a picture ``(side, side, 3)``."""
        self._interpreter.set_tensor(self._input["index"], picture[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output["index"]) for output in self._outputs]
