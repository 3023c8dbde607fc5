"""A voice as a point on a sphere: windows of one speaker lie close, those of another lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import Weight
from curator.errors import MeasureError
from curator_avatar.checkpoint import read_checkpoint

__all__ = ["ENCODER", "NUM_FEATURES", "RATE_HZ", "WINDOW", "Encoder"]

_Floats: TypeAlias = npt.NDArray[np.float32]

ENCODER = Weight(
    name="resemblyzer",
    url="pypi://Resemblyzer==0.1.4!/resemblyzer/pretrained.pt",
    sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    license="Apache-2.0",
    source="Resemble AI, Resemblyzer 0.1.4 (voice encoder, trained with GE2E on LibriSpeech and VoxCeleb)",
)

RATE_HZ = 16_000
NUM_FEATURES = 256
_HOP, _SPECTRUM = 160, 400
_FRAMES = 160
WINDOW = _FRAMES * _HOP
"""Samples that one vector is about: 1.6 s."""

_BANDS = 40
_LAYERS = 3
_SHAPES = {
    **{
        f"lstm.weight_ih_l{k}": (4 * NUM_FEATURES, NUM_FEATURES if k else _BANDS)
        for k in range(_LAYERS)
    },
    **{f"lstm.weight_hh_l{k}": (4 * NUM_FEATURES, NUM_FEATURES) for k in range(_LAYERS)},
    **{
        f"lstm.bias_{kind}_l{k}": (4 * NUM_FEATURES,)
        for kind in ("ih", "hh")
        for k in range(_LAYERS)
    },
    "linear.weight": (NUM_FEATURES, NUM_FEATURES),
    "linear.bias": (NUM_FEATURES,),
}
_LEVEL_DB = -30.0
"""Quieter windows are raised to this level, as those were that the network learnt from."""


class Encoder:
    """Three layers of LSTM over 40 mel bands, in numpy: as fast as PyTorch for a few windows at a time.

    Raises:
        MeasureError: ``weights-unreadable`` when the file is not this network.
    """

    def __init__(self, path: Path) -> None:
        state = read_checkpoint(path).get("model_state", {})
        if {name: state[name].shape for name in _SHAPES if name in state} != _SHAPES:
            raise MeasureError(
                f"'{path}' does not hold the voice encoder", reason="weights-unreadable"
            )
        self._layers = [_layer(state, k) for k in range(_LAYERS)]
        self._out = np.ascontiguousarray(state["linear.weight"].T)
        self._bias = state["linear.bias"]
        self._bands = mel_bands()
        turn = np.arange(_SPECTRUM) * (2 * np.pi / _SPECTRUM)
        self._taper = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)

    def __call__(self, windows: _Floats) -> _Floats:
        """``(n, 256)`` vectors of length 1 for ``(n, WINDOW)`` samples at 16 kHz with some sound in each."""
        level = np.sqrt(np.mean(np.square(windows), axis=1, keepdims=True))
        gain = np.maximum(1, np.float32(10 ** (_LEVEL_DB / 20)) / np.maximum(level, 1e-9))
        steps = self._mel(windows * gain).transpose(1, 0, 2)
        for layer in self._layers:
            steps = layer(steps)
        raw = np.maximum(steps[-1] @ self._out + self._bias, 0)
        vectors: _Floats = raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9)
        return vectors

    def _mel(self, samples: _Floats) -> _Floats:
        """``(n, 160, 40)`` power in mel bands (not its logarithm: the network was taught so)."""
        padded = np.pad(samples, ((0, 0), (_SPECTRUM // 2, _SPECTRUM // 2)))
        views = np.lib.stride_tricks.sliding_window_view(padded, _SPECTRUM, axis=1)
        frames = views[:, : _FRAMES * _HOP : _HOP] * self._taper
        power = np.square(np.abs(np.fft.rfft(frames, axis=2))).astype(np.float32)
        mel: _Floats = power @ self._bands
        return mel


class _Layer:
    def __init__(self, seen: _Floats, kept: _Floats, bias: _Floats) -> None:
        self._seen, self._kept, self._bias = seen, kept, bias

    def __call__(self, steps: _Floats) -> _Floats:
        """``(steps, n, 256)`` from ``(steps, n, m)``; the memory is empty at the first step."""
        count, n, _ = steps.shape
        drive = steps @ self._seen + self._bias
        hidden = np.zeros((n, NUM_FEATURES), np.float32)
        cell = np.zeros_like(hidden)
        out = np.empty((count, n, NUM_FEATURES), np.float32)
        for index in range(count):
            take, forget, new, give = np.split(drive[index] + hidden @ self._kept, 4, axis=1)
            cell = _sigmoid(forget) * cell + _sigmoid(take) * np.tanh(new)
            hidden = _sigmoid(give) * np.tanh(cell)
            out[index] = hidden
        return out


def _layer(state: Mapping[str, _Floats], k: int) -> _Layer:
    return _Layer(
        np.ascontiguousarray(state[f"lstm.weight_ih_l{k}"].T),
        np.ascontiguousarray(state[f"lstm.weight_hh_l{k}"].T),
        state[f"lstm.bias_ih_l{k}"] + state[f"lstm.bias_hh_l{k}"],
    )


def _sigmoid(x: _Floats) -> _Floats:
    half: _Floats = np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)
    return half


def mel_bands() -> _Floats:
    """``(201, 40)`` triangles of equal area on Slaney's mel scale, 0 to 8 kHz.

    Source: Slaney, "Auditory Toolbox", 1998; the scale is straight below 1 kHz and logarithmic above.
    """
    straight, knee_hz, step = 200 / 3, 1000.0, np.log(6.4) / 27
    top = knee_hz / straight + np.log(RATE_HZ / 2 / knee_hz) / step
    mels = np.linspace(0, top, _BANDS + 2)
    corners = np.where(
        mels < knee_hz / straight,
        mels * straight,
        knee_hz * np.exp(step * (mels - knee_hz / straight)),
    )
    at = np.linspace(0, RATE_HZ / 2, _SPECTRUM // 2 + 1)[:, None]
    low, peak, high = corners[:-2], corners[1:-1], corners[2:]
    slopes = np.minimum((at - low) / (peak - low), (high - at) / (high - peak))
    bands: _Floats = (np.maximum(slopes, 0) * (2 / (high - low))).astype(np.float32)
    return bands
