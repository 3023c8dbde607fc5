"""States of a robot are found where its video shows them; `benchmarks/robots.py` has the whole table."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import robots
from tests.footage import shared

pytestmark = pytest.mark.slow


def test_planted_offsets_of_a_drawn_arm_are_found_within_a_frame() -> None:
    for seed in (20, 21):
        seen = robots.film(seed, 8)
        for rate in (5, 30):
            for late in (-1.0, -0.37, 0.0, 0.6, 1.0):
                found = robots.ask(seen, robots.state(seen.arm, rate, late, seed))
                assert found.seconds == pytest.approx(late, abs=1 / robots.FPS)
                assert found.confidence > 1
        other = robots.ask(seen, robots.state(robots.Arm(99, 8), 30, 0.0, 0))
        assert other.confidence < robots.LEVEL


def test_recorded_episodes_move_when_their_pictures_change() -> None:
    """Too short one by one: two seconds, five pictures a second."""
    folder = shared("fixtures/robotics/bridge_episodes")
    pairs = [one for path in sorted(folder.glob("*.npz")) if (one := robots.episode(path))]
    assert len(pairs) >= 10
    lags = range(-4, 5)
    curve = [robots.mean_correlation(pairs, lag) for lag in lags]
    assert lags[int(np.argmax(curve))] == 0
    assert max(curve) > 0.5
    turned = [(a, b) for (a, _), (_, b) in zip(pairs, pairs[1:] + pairs[:1], strict=True)]
    assert max(robots.mean_correlation(turned, lag) for lag in lags) < 0.5
