"""One ONNX network on one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curator.errors import MeasureError

__all__ = ["open_session"]


def open_session(path: Path, *, wanted_by: str, extra: str) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU, for the measure `wanted_by` of a pip extra.

    Raises:
        MeasureError: ``extra-missing`` without onnxruntime, ``weights-unreadable`` when it is no network.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MeasureError(
            f"the measure '{wanted_by}' needs onnxruntime: {error}",
            reason="extra-missing",
            hint=f"pip install 'curator-build[{extra}]'",
        ) from error
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidGraph, InvalidProtobuf) as error:
        raise MeasureError(
            f"'{path}' is not a network that onnxruntime can run: {error}",
            reason="weights-unreadable",
        ) from error
