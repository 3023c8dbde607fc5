"""Copies and near misses among clips whose movement is drawn."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curator.measure.phash import Phash
from curator.select.footprint import WINDOWS, Footprint, mirrored_bits
from curator.select.sequence import compare
from curator.testing.tiles import Footage, run

Frames = npt.NDArray[np.uint8]
SIZE = (180, 320)
FPS = 25


def scene(seconds: float = 4, *, wall: int = 0, move: int = 0, start: float = 0.0) -> Frames:
    """A textured wall, and two discs before it on paths that `move` chooses."""
    random = np.random.default_rng(wall)
    coarse = random.integers(30, 220, (7, 12)).astype(np.float32)
    back = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 255)
    speeds = np.random.default_rng(100 + move).uniform(0.7, 3, (2, 2))
    frames = []
    for k in range(round(seconds * FPS)):
        t = start + k / FPS
        picture = back.copy()
        for n, (a, b) in enumerate(speeds):
            x = int(160 + 120 * np.sin(a * t + n + move))
            y = int(90 + 60 * np.sin(b * t + 2 * n))
            cv2.circle(picture, (x, y), 30, (80, 180)[n], -1)
        frames.append(picture)
    return np.asarray(frames, np.uint8)


def footprint(frames: Frames) -> Footprint:
    return Footprint.of(run(Phash(), Footage(frames)), 0.0)


def changed(frames: Frames, change: Callable[[Frames], Frames]) -> Frames:
    return np.stack([change(frame) for frame in frames]).astype(np.uint8)


def cropped(share: float, x: float = 0.5, y: float = 0.5) -> Callable[[Frames], Frames]:
    def change(frame: Frames) -> Frames:
        height, width = round(SIZE[0] * share), round(SIZE[1] * share)
        top, left = round((SIZE[0] - height) * y), round((SIZE[1] - width) * x)
        part = frame[top : top + height, left : left + width]
        return np.asarray(cv2.resize(part, SIZE[::-1]), np.uint8)

    return change


def graded(frame: Frames) -> Frames:
    return np.asarray((255 * (frame / 255) ** 0.7 * 0.9).clip(16, 235), np.uint8)


def noisy(frame: Frames) -> Frames:
    small = cv2.resize(frame, (120, 68), interpolation=cv2.INTER_AREA)
    random = np.random.default_rng(int(frame.sum()) % 1000)
    return np.asarray((small + random.normal(0, 5, small.shape)).clip(0, 255), np.uint8)


def boxed(frame: Frames) -> Frames:
    return np.pad(frame, ((30, 30), (0, 0)), constant_values=16)


ORIGINAL = footprint(scene())


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("exact", scene()),
        ("graded", changed(scene(), graded)),
        ("small and noisy", changed(scene(), noisy)),
        ("cropped to 90 %", changed(scene(), cropped(0.9))),
        ("cropped to 95 %", changed(scene(), cropped(0.95))),
        ("cropped to 80 %", changed(scene(), cropped(0.8))),
        ("cropped in a corner", changed(scene(), cropped(0.9, 0, 0))),
        ("with bars", changed(scene(), boxed)),
        ("later by 0.3 s", scene(start=0.32)),
        ("shorter", scene(2.4, start=0.8)),
    ],
)
def test_a_copy_is_near(name: str, copy: Frames) -> None:
    match = compare(ORIGINAL, footprint(copy), min_overlap=0.5)
    assert match is not None, name
    assert match.distance < 0.13, name


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("another part of the same take", scene(start=20)),
        ("the same wall, other movement", scene(move=3)),
        ("another wall, the same movement", scene(wall=3)),
        ("a mirror image", scene()[:, :, ::-1]),
    ],
)
def test_what_only_looks_alike_is_far(name: str, other: Frames) -> None:
    match = compare(ORIGINAL, footprint(other), min_overlap=0.5)
    assert match is None or match.distance > 0.3, name


def test_the_shift_is_told_to_a_sixteenth_of_a_second() -> None:
    late = compare(ORIGINAL, footprint(scene(start=0.6)), min_overlap=0.5)
    assert late is not None
    assert late.shift_seconds == pytest.approx(0.6, abs=1 / 16)
    early = compare(footprint(scene(start=0.6)), ORIGINAL, min_overlap=0.5)
    assert early is not None
    assert early.shift_seconds == pytest.approx(-0.6, abs=1 / 16)


def test_less_than_the_asked_overlap_is_no_copy() -> None:
    tail = footprint(scene(start=2.0))  # 2 s of 4 in common
    match = compare(ORIGINAL, tail, min_overlap=0.7)
    assert match is None or match.distance > 0.3
    match = compare(ORIGINAL, tail, min_overlap=0.45)
    assert match is not None
    assert match.distance < 0.13


def test_a_mirror_image_is_near_to_the_mirrored_footprint() -> None:
    turned = footprint(np.ascontiguousarray(scene()[:, :, ::-1]))
    match = compare(ORIGINAL, turned.mirrored(), min_overlap=0.5)
    assert match is not None
    assert match.distance < 0.05


def test_still_pictures_are_told_by_their_looks_alone() -> None:
    one, other = np.repeat(scene(wall=5)[:1], 100, 0), np.repeat(scene(wall=6)[:1], 100, 0)
    same = compare(footprint(one), footprint(changed(one, graded)), min_overlap=0.5)
    assert same is not None
    assert same.moves is None
    assert same.shift_seconds is None
    assert same.distance < 0.13
    strange = compare(footprint(one), footprint(other), min_overlap=0.5)
    assert strange is None or strange.distance > 0.5


def test_a_still_is_no_copy_of_what_moves() -> None:
    still = footprint(np.repeat(scene()[:1], 100, 0))
    assert compare(ORIGINAL, still, min_overlap=0.5) is None


def test_a_clip_without_pictures_is_like_nothing() -> None:
    black = footprint(np.full((100, *SIZE), 16, np.uint8))
    assert not black.hashes.any()
    assert compare(black, black, min_overlap=0.5) is None


def test_comparing_is_symmetric() -> None:
    for other in (scene(start=0.32), changed(scene(), cropped(0.9)), scene(move=3)):
        there = compare(ORIGINAL, footprint(other), min_overlap=0.5)
        back = compare(footprint(other), ORIGINAL, min_overlap=0.5)
        assert (there is None) == (back is None)
        if there is not None and back is not None:
            assert there.distance == pytest.approx(back.distance, abs=0.03)


def test_enough_is_enough() -> None:
    assert compare(ORIGINAL, footprint(scene(wall=3)), min_overlap=0.5, enough=0.1) is None


def test_mirroring_twice_gives_the_same_hashes() -> None:
    hashes = ORIGINAL.hashes
    assert np.array_equal(mirrored_bits(mirrored_bits(hashes)), hashes)
    assert not np.array_equal(mirrored_bits(hashes), hashes)
    assert not mirrored_bits(np.zeros((2, 32), np.uint8)).any()


def test_windows_are_the_crops_that_the_measure_takes() -> None:
    # Of a picture that is bright in one corner, the hash of a crop is that of its window enlarged.
    frame = scene()[0]
    crops = footprint(scene(1)).crops[0]
    for number, (left, top, side) in enumerate(WINDOWS[1:]):
        x, y = round(left * SIZE[1]), round(top * SIZE[0])
        part = frame[y : y + round(side * SIZE[0]), x : x + round(side * SIZE[1])]
        alone = footprint(np.repeat(cv2.resize(part, SIZE[::-1])[None], 5, 0)).hashes[0]
        differ = int(np.bitwise_count(alone ^ crops[number]).sum())
        assert differ < 40, (number, differ)


def test_times_are_about_the_clip() -> None:
    series = run(Phash(), Footage(scene(6)))
    assert series["hash"].time(1) <= Fraction(1, 4)
    late = Footprint.of(series, 2.0)
    assert late.times[0] == pytest.approx(-2.0)
