"""State of a robot against its video: offsets that were planted, and what `activity` says of them.

Arms that are drawn (three joints and a gripper, minimum-jerk moves and rests, shadows, noise of a sensor, a gray
table), with their joint angles at several rates, each planted late by -1..1 s; states of other episodes; and the
recorded episodes of `--data`, which are 2 s long with 5 pictures per second: too short one by one, so
their correlation is averaged over all.

    python benchmarks/robots.py --data ../shared/data/fixtures
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.aligner import Pair
from curator.align.estimate.movement import MovementAligner
from curator.measure.onsets import Onsets
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Offset
from curator.model.track import NumberTrack
from curator.model.video import VideoInfo
from curator.testing.tiles import Footage, run, video_info

Floats = npt.NDArray[np.float64]
NANO = Fraction(1, 10**9)
FPS, HEIGHT, WIDTH = 25, 180, 320
MARGIN = 2.0
LENGTHS = (4, 6, 10)
RATES = (5, 10, 30)
LATE = np.linspace(-1, 1, 9)
SHADOW = np.array([6.0, 9.0])
LEVEL = 2.0
"""A confidence at which hardly any wrong pair is kept."""


@dataclass(frozen=True)
class Arm:
    """One episode: joint angles and the gripper at any time."""

    seed: int
    seconds: float

    def at(self, times: Floats) -> Floats:
        """``(n, 4)`` rad, and the gripper from 0 to 1."""
        rng = np.random.default_rng(self.seed)
        edges, joints = [0.0], [rng.uniform([0.4, 0.3, -1.2, 0], [1.2, 1.6, 0.6, 1])]
        while edges[-1] < self.seconds + 2 * MARGIN:
            edges.append(edges[-1] + rng.uniform(0.35, 1.4))
            target = joints[-1] + rng.normal(size=4) * [0.35, 0.45, 0.5, 0]
            target[3] = rng.integers(2) if rng.random() < 0.4 else joints[-1][3]
            # A rest now and then: it waits for its grip.
            joints.append(joints[-1] if rng.random() < 0.3 else target)
        at = np.clip(times + MARGIN, 0, edges[-1] - 1e-6)
        index = np.searchsorted(edges, at, side="right") - 1
        begin, end = np.array(edges)[index], np.array(edges)[index + 1]
        part = ((at - begin) / (end - begin))[:, None]
        ease = part**3 * (10 - 15 * part + 6 * part**2)
        held = np.array(joints)
        return np.asarray(held[index] * (1 - ease) + held[index + 1] * ease)

    def picture(self, angles: Floats, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """The arm before its table."""
        board = np.full((HEIGHT, WIDTH), 120, np.uint8)
        board[HEIGHT * 3 // 4 :] = 90
        points = [np.array([WIDTH * 0.5, HEIGHT * 0.85])]
        turn = -np.pi / 2
        for angle, length in zip(angles[:3] - [0.8, 0.9, -0.3], (55, 45, 28), strict=True):
            turn += angle
            points.append(points[-1] + length * np.array([np.cos(turn), np.sin(turn)]))
        for (one, other), thick in zip(pairwise(points), (14, 11, 8), strict=True):
            self._line(board, one + SHADOW, other + SHADOW, thick, 75)
            self._line(board, one, other, thick, 215)
        for side in (-1, 1):
            spread = turn + side * (0.15 + 0.5 * angles[3])
            tip = points[-1] + 16 * np.array([np.cos(spread), np.sin(spread)])
            self._line(board, points[-1], tip, 4, 235)
        noisy = board + rng.normal(scale=2.5, size=board.shape)
        return np.asarray(np.clip(noisy, 0, 255), np.uint8)

    @staticmethod
    def _line(
        board: npt.NDArray[np.uint8], one: Floats, other: Floats, thick: int, gray: int
    ) -> None:
        ends = [tuple(int(v) for v in np.round(p * 16)) for p in (one, other)]
        cv2.line(board, *ends, gray, thick, cv2.LINE_AA, 4)


@dataclass(frozen=True)
class Seen:
    """What the pictures of one episode say."""

    arm: Arm
    info: VideoInfo
    change: Series


def film(seed: int, seconds: float) -> Seen:
    """Draw an episode and measure it."""
    arm, rng = Arm(seed, seconds), np.random.default_rng(1000 + seed)
    # A picture shows what is while its shutter is open: the middle of the first half of its time.
    times = np.arange(round(seconds * FPS)) / FPS + 0.25 / FPS
    pixels = np.stack([arm.picture(angles, rng) for angles in arm.at(times)])
    shown = Footage(pixels, fps=Fraction(FPS))
    return Seen(arm, video_info(shown), run(Onsets(), shown)["change"])


def state(arm: Arm, rate: int, late: float, seed: int) -> NumberTrack:
    """Angles as encoders give them, every value stamped `late`."""
    times = np.arange(-MARGIN, arm.seconds + MARGIN, 1 / rate)
    values = arm.at(times) + np.random.default_rng(seed).normal(scale=0.002, size=(len(times), 4))
    nano = np.round((times + late) * 1e9).astype(np.int64)
    return NumberTrack(series=Series(nano, NANO, values.astype(np.float32)))


def ask(seen: Seen, track: NumberTrack) -> Offset:
    """The offset of the whole episode."""
    span = Span(Fraction(0), Fraction(len(seen.change) + 1, FPS))
    pair = Pair(span=span, video=seen.info, series={"onsets.change": seen.change}, track=track)
    return MovementAligner().estimate(pair, max_offset_seconds=2.0)


def drawn(episodes: int) -> None:
    """Tables of right and of wrong pairs."""
    print("| length | state | pairs | within a frame | within half | median | p90 | confidence p10, p50 | kept at 2 | of these within a frame | wrong kept at 2 |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for length in LENGTHS:
        made = [film(seed, length) for seed in range(episodes)]
        for rate in RATES:
            errors, sure, wrong = [], [], []
            for number, seen in enumerate(made):
                for late in LATE.tolist():
                    found = ask(seen, state(seen.arm, rate, late, number))
                    errors.append(np.inf if found.seconds is None else abs(found.seconds - late))
                    sure.append(found.confidence)
                other = made[(number + 1) % len(made)]
                wrong.append(ask(seen, state(other.arm, rate, 0.0, number)).confidence)
            _row(length, rate, np.array(errors), np.array(sure), np.array(wrong))


def _row(length: int, rate: int, errors: Floats, sure: Floats, wrong: Floats) -> None:
    kept = sure >= LEVEL
    right = np.mean(errors[kept] <= 1 / FPS) if kept.any() else np.nan
    low, middle = np.percentile(sure, (10, 50))
    print(
        f"| {length} s | {rate} /s | {len(errors)} | {np.mean(errors <= 1 / FPS):.0%} "
        f"| {np.mean(errors <= 0.5 / FPS):.0%} | {1000 * np.median(errors):.0f} ms "
        f"| {1000 * np.percentile(errors, 90):.0f} ms | {low:.1f}, {middle:.1f} | {kept.mean():.0%} "
        f"| {right:.0%} | {np.mean(wrong >= LEVEL):.0%} of {len(wrong)} |"
    )


def recorded(folder: Path) -> None:
    """The mean correlation over recorded episodes, by lag."""
    files = sorted(folder.glob("robotics/bridge_episodes/*.npz"))
    pairs = [one for path in files if (one := episode(path)) is not None]
    if not pairs:
        print(f"no episodes in {folder}")
        return
    lags = range(-4, 5)
    own = [mean_correlation(pairs, lag) for lag in lags]
    rng = np.random.default_rng(0)
    best = []
    for _ in range(2000):
        order = rng.permutation(len(pairs))
        while (order == np.arange(len(pairs))).any():
            order = rng.permutation(len(pairs))
        mixed = [(pairs[k][0], pairs[int(j)][1]) for k, j in enumerate(order)]
        best.append(max(mean_correlation(mixed, lag) for lag in lags))
    print(
        f"\n{len(pairs)} recorded episodes of 2 s, 5 per second; mean correlation by how late the state is:"
    )
    print(
        "  ".join(f"{0.2 * lag:+.1f} s {value:+.2f}" for lag, value in zip(lags, own, strict=True))
    )
    at = int(np.argmax(own))
    print(f"best at {0.2 * lags[at]:+.1f} s; as much by chance in {np.mean(np.array(best) >= own[at]):.1%} of 2000 shuffles")  # fmt: skip


def episode(path: Path) -> tuple[Floats, Floats] | None:
    """Change of the picture and speed of the arm, from each of the ten instants to the next."""
    with av.open(str(path.with_suffix(".mp4"))) as container:
        frames = [f.to_ndarray(format="gray").astype(np.float64) for f in container.decode(video=0)]
    state_rows = np.load(path)["state"].astype(np.float64)
    if len(frames) != len(state_rows):
        return None
    change = np.array([np.abs(b - a).mean() for a, b in pairwise(frames)])
    steps = np.abs(np.diff(state_rows, axis=0))
    usual = np.sqrt(np.mean(np.square(steps), axis=0))
    return change, (steps[:, usual > 0] / usual[usual > 0]).mean(axis=1)


def mean_correlation(pairs: Sequence[tuple[Floats, Floats]], lag: int) -> float:
    found = []
    for seen, moved in pairs:
        a = seen[max(0, -lag) : len(seen) - max(0, lag)]
        b = moved[max(0, lag) : len(moved) - max(0, -lag)]
        if a.std() > 0 and b.std() > 0:
            found.append(float(np.corrcoef(a, b)[0, 1]) * np.sqrt(len(a) / len(seen)))
    return float(np.mean(found))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/fixtures"))
    parser.add_argument("--episodes", type=int, default=16)
    known = parser.parse_args()
    begun = time.monotonic()
    drawn(known.episodes)
    recorded(known.data)
    print(f"\n{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
