"""What movement explains, on pictures that were moved by a known way."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curator.segment.motion import unexplained

Floats = npt.NDArray[np.float32]
ROWS, COLUMNS = 9, 16


def window(seed: int, down: float, right: float, zoom: float, turn: float) -> Floats:
    """9 x 16 cells of a large soft place, seen from where the arguments say (cells, shares, radians)."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(0, 255, (12, 20, 3)).astype(np.float32)
    place = cv2.resize(small, (1600, 960), interpolation=cv2.INTER_CUBIC)
    scale = 20.0 * np.exp(zoom)
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    x, y = 800 + 20 * right, 480 + 20 * down
    way = np.array(
        [
            [c, -s, x - c * (COLUMNS - 1) / 2 + s * (ROWS - 1) / 2],
            [s, c, y - s * (COLUMNS - 1) / 2 - c * (ROWS - 1) / 2],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(place, way, (COLUMNS, ROWS), flags=flags), dtype=np.float32)


def share(before: Floats, middle: Floats, after: Floats, picture: Floats | None = None) -> float:
    """What is left, as a share of the difference between the ends."""
    whole = np.ones((ROWS, COLUMNS, 1), np.float32) if picture is None else picture
    left = unexplained(before[None], middle[None], after[None], whole[None])[0]
    square = (((after - before) ** 2) * whole).sum() / whole.sum()
    return float(left / np.sqrt(square))


@pytest.mark.parametrize(
    "speed",
    [
        (0, 1.5, 0, 0),
        (0, -4.4, 0, 0),
        (2.3, 0, 0, 0),
        (-1.2, 3.6, 0, 0),
        (0, 0, 0.2, 0),
        (0, 0, -0.2, 0),
        (0, 0, 0, 0.2),
        (0.8, 2.2, 0.1, 0.1),
    ],
    ids=["pan", "fast-pan", "tilt", "diagonal", "zoom-out", "zoom-in", "turn", "all"],
)
def test_a_steady_movement_is_explained_and_a_mixture_of_the_same_ends_is_not(
    speed: tuple[float, float, float, float],
) -> None:
    for seed in range(4):
        before, middle, after = (
            window(seed, *(at * one for one in speed)) for at in (-1.0, 0.0, 1.0)
        )
        assert share(before, middle, after) < 0.35
        other = window(seed + 100, 0, 0, 0, 0)
        assert share(before, (before + other) * np.float32(0.5), other) > 0.75


def test_black_bars_stay_where_they_are_when_the_picture_moves() -> None:
    picture = np.zeros((ROWS, COLUMNS, 1), np.float32)
    picture[1:-1] = 1
    before, middle, after = (window(3, 1.5 * at, 2.0 * at, 0, 0) * picture for at in (-1, 0, 1))
    assert share(before, middle, after, picture) < 0.35


def test_a_movement_that_turns_back_half_way_is_no_steady_movement() -> None:
    there, here = window(5, 0, 0, 0, 0), window(5, 0, 3, 0, 0)
    left = unexplained(there[None], here[None], there[None], np.ones((1, ROWS, COLUMNS, 1), "f4"))
    assert left[0] > 20.0


def test_each_picture_is_judged_alone() -> None:
    """More of them than fit one batch, some of one colour: what is left does not depend on the rest."""
    rng = np.random.default_rng(7)
    before, middle, after = rng.uniform(0, 255, (3, 70, ROWS, COLUMNS, 3)).astype(np.float32)
    for one in (before, middle, after):
        one[::9] = 40.0
    picture = np.ones((70, ROWS, COLUMNS, 1), np.float32)
    together = unexplained(before, middle, after, picture)
    for i in range(70):
        one = slice(i, i + 1)
        left = unexplained(before[one], middle[one], after[one], picture[one])
        np.testing.assert_allclose(together[i], left[0], rtol=1e-3, atol=1e-2)
    assert np.isfinite(together).all()
    assert not together[::9].any()
    assert len(unexplained(before[:0], middle[:0], after[:0], picture[:0])) == 0
