from __future__ import annotations

import numpy as np
import pytest

from curator.align.line import Line, Window, line_through

AT = np.linspace(8, 1192, 16)


def windows(
    late: np.ndarray, confidence: float | np.ndarray = 6.0, at: np.ndarray = AT
) -> list[Window]:
    sure = np.broadcast_to(confidence, len(at))
    return [Window(float(a), float(b), float(c)) for a, b, c in zip(at, late, sure, strict=True)]


def errors(line: Line | None, start: float, drift: float) -> float:
    """The largest error over the video, seconds."""
    assert line is not None
    return max(abs(line.start - start + (line.drift - drift) * at) for at in (0, 1200))


@pytest.mark.parametrize("drift", [0.001, -0.0003, 2e-5])
def test_offset_and_drift_of_twenty_minutes(drift: float) -> None:
    rng = np.random.default_rng(1)
    late = 0.2 + drift * AT + rng.normal(size=16) * 1e-4
    assert errors(line_through(windows(late), near_seconds=0.04), 0.2, drift) < 3e-4


@pytest.mark.parametrize("seed", range(8))
def test_windows_that_are_wrong_are_outvoted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    late = 0.2 + 0.001 * AT + rng.normal(size=16) * 0.005
    wrong = rng.choice(16, 6, replace=False)
    late[wrong] = rng.uniform(-3, 3, 6)
    sure = np.where(np.isin(np.arange(16), wrong), 2.0, 5.0)
    assert errors(line_through(windows(late, sure), near_seconds=0.04), 0.2, 0.001) < 0.02


@pytest.mark.parametrize("seed", range(50))
def test_windows_of_a_wrong_pair_give_no_line(seed: int) -> None:
    """As sure as luck makes them, and as sure as right ones."""
    rng = np.random.default_rng(seed)
    late = rng.uniform(-3, 3, 16)
    assert line_through(windows(late, rng.normal(0.2, 1, 16)), near_seconds=0.04) is None
    assert line_through(windows(late), near_seconds=0.04) is None


def test_a_drift_within_the_noise_is_none() -> None:
    late = 0.2 + np.random.default_rng(3).normal(size=16) * 0.01
    line = line_through(windows(late), near_seconds=0.04)
    assert line is not None
    assert line.drift == 0
    assert line.start == pytest.approx(0.2, abs=0.01)


def test_no_device_drifts_by_a_hundredth() -> None:
    assert line_through(windows(0.01 * AT), near_seconds=0.04) is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_windows_are_no_line(count: int) -> None:
    assert line_through(windows(np.zeros(count), at=AT[:count]), near_seconds=0.04) is None
