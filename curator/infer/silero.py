"""Silero's voice detector: how likely 32 ms of sound are to contain a human voice that speaks."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import Weight
from curator.infer.onnx import open_session

__all__ = ["RATE_HZ", "SILERO", "WINDOW", "Silero", "windows"]

_Floats: TypeAlias = npt.NDArray[np.float32]

RATE_HZ = 16_000
WINDOW = 512
"""Samples that one probability is about."""
_CONTEXT = 64

SILERO = Weight(
    name="silero-vad",
    url="pypi://silero-vad==6.2.3!/silero_vad/data/silero_vad_16k_sequence.onnx",
    sha256="9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
    license="MIT",
    source="Silero Team, silero-vad 6.2 (16 kHz, whole sequences; same values as its streaming model)",
)


class Silero:
    """The network, loaded for the measure `wanted_by` of the pip extra `extra`.

    Raises:
        MeasureError: ``extra-missing`` without onnxruntime, ``weights-unreadable`` when the file is
            no network.
    """

    def __init__(self, path: Path, *, wanted_by: str, extra: str) -> None:
        self._session = open_session(path, wanted_by=wanted_by, extra=extra)

    def __call__(self, heard: _Floats) -> _Floats:
        """``(n,)`` probabilities for what `windows` gave; the memory is empty at the first window.

        Digital silence is 0.
        """
        memory = np.zeros((1, 1, 128), np.float32)
        raw = self._session.run(
            ["speech_probs"], {"input": heard, "h": memory, "c": memory.copy()}
        )[0]
        probabilities: _Floats = np.clip(raw, 0, 1).astype(np.float32)
        probabilities[~heard[:, _CONTEXT:].any(axis=1)] = 0
        return probabilities


def windows(samples: _Floats, begin: int = 0) -> _Floats:
    """``(n, 64 + 512)`` windows of 16 kHz sound from sample `begin` on, each after the last 64 before it.

    The last one is filled up with silence, and so is what comes before the first sample.
    """
    count = max(0, -(-(len(samples) - begin) // WINDOW))
    padded = np.zeros(_CONTEXT + count * WINDOW, np.float32)
    lead = min(begin, _CONTEXT)
    heard = samples[begin - lead :][: lead + count * WINDOW]
    padded[_CONTEXT - lead : _CONTEXT - lead + len(heard)] = heard
    views = np.lib.stride_tricks.sliding_window_view(padded, _CONTEXT + WINDOW)[::WINDOW]
    return np.ascontiguousarray(views[:count])
