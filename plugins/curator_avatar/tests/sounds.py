"""Sound for tests: real voices on a black video, and what may lie under them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from curator.testing.tiles import Footage

RATE_HZ = 16_000


def sound_of(path: Path) -> npt.NDArray[np.float32]:
    """``(n,)`` mono at 16 kHz."""
    resampler = av.AudioResampler("fltp", "mono", RATE_HZ)
    with av.open(str(path)) as container:
        frames = [r for frame in container.decode(audio=0) for r in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def video_with(sound: npt.NDArray[np.float32]) -> Footage:
    """Sound on a black video of the same length."""
    frames = np.zeros((-(-len(sound) * 25 // RATE_HZ), 16, 16, 3), np.uint8)
    return Footage(frames, audio=sound[None], sample_rate_hz=RATE_HZ)


def mixed(
    voice: npt.NDArray[np.float32], other: npt.NDArray[np.float32], *, ratio_db: float
) -> npt.NDArray[np.float32]:
    """A voice with something `ratio_db` below it, never clipped."""
    under = np.resize(other, len(voice))
    gain = np.sqrt(np.mean(voice**2) / np.mean(under**2) / 10 ** (ratio_db / 10))
    both = voice + gain * under
    return (both / max(1.0, float(np.abs(both).max()))).astype(np.float32)
