"""Which groups of edges are carried from scene to scene of one video: what was laid over it, and where."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["DIRECTIONS", "Box", "Carried", "carried", "scenes_of"]

Codes: TypeAlias = npt.NDArray[np.uint8]
"""``(h, w)`` direction of the edge at every place, 1 to `DIRECTIONS`; 0 without one."""
_Floats: TypeAlias = npt.NDArray[np.float32]
_Ints: TypeAlias = npt.NDArray[np.intp]
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture."""

DIRECTIONS = 32
SAME_SCENE = 0.5
"""Correlation of two looks from which on they show one scene: cuts have -0.2..0.4, a stand 0.8..1."""
_BACK = 24  # scenes that a stretch is compared with: dialogues cut back and forth
_RUNS = {3: 0.8, 5: 0.65, 9: 0.5, 17: 0.4}
"""Scenes of a run, and the length of the mean of their edges' directions from which on they agree. Two
scenes agree by chance in one video of four; three in none or one of a hundred."""
_JOIN_PX, _RING_PX = 3, 7
_LEAST_PX = 24  # of edges: a logo 16 px wide has 40
_LARGEST = 0.15  # of the picture: what is larger is the scene
_ROUND = (
    0.25  # of the second to the first principal component: bars, seams and horizons have 0..0.1
)
_RING_EDGES = 0.3  # where edges are as dense as that, they meet by chance
_PRESENT = 0.4  # of a mark's edges: strangers share 0.1
_FAINT = 0.2  # the same in a stretch beside one that has it: busy texture hides edges
_APART = DIRECTIONS // 8  # directions that count as one: 45 degrees to either side
_ANGLES = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
_X = np.concatenate([[0], np.cos(_ANGLES)]).astype(np.float32)
_Y = np.concatenate([[0], np.sin(_ANGLES)]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Edges that several scenes have at one place."""

    at: _Ints
    """``(k,)`` their places in the flattened picture, increasing."""
    direction: npt.NDArray[np.int16]
    """``(k,)`` their codes."""
    box: Box

    def share_in(self, codes: Codes) -> float:
        """How much of it a picture has."""
        return self._agreeing(codes.reshape(-1)[self.at].astype(np.int16))

    def is_part_of(self, other: _Group) -> bool:
        """Whether another group, of no fewer edges, has it: both are one mark."""
        where = np.searchsorted(other.at, self.at).clip(max=len(other.at) - 1)
        there = np.where(other.at[where] == self.at, other.direction[where], np.int16(0))
        return self._agreeing(there) >= _PRESENT

    def _agreeing(self, there: npt.NDArray[np.int16]) -> float:
        apart = np.abs(there - self.direction)
        same = (there > 0) & (np.minimum(apart, DIRECTIONS - apart) <= _APART)
        return float(same.mean())


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A mark of a video."""

    box: Box
    on: npt.NDArray[np.bool_]
    """``(n,)`` the stretches that have it."""
    scenes: int
    """How many scenes of the video have it."""


def scenes_of(looks: _Floats, tells: Sequence[bool]) -> list[int]:
    """The scene of each stretch of a video, by number; -1 for one that shows nothing.

    Args:
        looks: ``(n, k)`` what each stretch looks like.
        tells: ``(n,)`` whether it shows anything.
    """
    units = looks - looks.mean(axis=1, keepdims=True)
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-6)
    first: list[int] = []
    """Of every scene, the stretch that began it."""
    out = []
    for number, told in enumerate(tells):
        if not told:
            out.append(-1)
            continue
        recent = range(max(0, len(first) - _BACK), len(first))
        near = [k for k in recent if units[first[k]] @ units[number] > SAME_SCENE]
        if near:
            out.append(near[-1])
        else:
            first.append(number)
            out.append(len(first) - 1)
    return out


def carried(codes: Sequence[Codes], scenes: Sequence[int]) -> list[Carried]:
    """The marks of a video, those that most scenes have first.

    Args:
        codes: edges that stay throughout each stretch of the video.
        scenes: as `scenes_of` gives them.
    """
    found: list[_Group] = []
    for length, agree in _RUNS.items():
        for run in _runs(scenes, length):
            found += _groups([codes[k] for k in run], [scenes[k] for k in run], agree)
    groups: list[_Group] = []
    for one in sorted(found, key=lambda group: -len(group.at)):
        if not any(one.is_part_of(other) for other in groups):
            groups.append(one)
    marks = [_mark(group, codes, np.array(scenes)) for group in groups]
    return sorted(marks, key=lambda mark: (-mark.scenes, mark.box))


def _mark(group: _Group, codes: Sequence[Codes], scenes: _Ints) -> Carried:
    share = np.array([group.share_in(plane) for plane in codes])
    had = (share >= _PRESENT) & (scenes >= 0)
    beside = np.convolve(had, [1, 1, 1], mode="same") > 0
    on = had | (beside & (share >= _FAINT) & (scenes >= 0))
    return Carried(group.box, on, len(set(scenes[on].tolist())))


def _runs(scenes: Sequence[int], length: int) -> Iterator[list[int]]:
    """Successive stretches that show `length` scenes, each as long as it can be; every other half of a run begins one."""
    run: deque[int] = deque()
    held: Counter[int] = Counter()
    told = [number for number, scene in enumerate(scenes) if scene >= 0]
    skip = 0
    for place, number in enumerate(told):
        run.append(number)
        held[scenes[number]] += 1
        while len(held) > length:
            gone = scenes[run.popleft()]
            held[gone] -= 1
            if not held[gone]:
                del held[gone]
        following = scenes[told[place + 1]] if place + 1 < len(told) else None
        if len(held) == length and (following is None or following not in held):
            if skip and following is not None:
                skip -= 1
            else:
                skip = length // 2 - 1
                yield list(run)


def _groups(codes: Sequence[Codes], scenes: Sequence[int], agree: float) -> list[_Group]:
    """Groups of edges on which the scenes of a run agree."""
    height, width = codes[0].shape
    weight = {scene: 1 / count for scene, count in Counter(scenes).items()}
    edges = np.zeros((height, width), np.float32)
    for plane, scene in zip(codes, scenes, strict=True):
        edges += (plane > 0) * np.float32(weight[scene] / len(weight))
    at = np.flatnonzero(edges >= agree)  # few places, so only they are looked at closely
    if len(at) < _LEAST_PX:
        return []
    x, y = np.zeros(len(at), np.float32), np.zeros(len(at), np.float32)
    for plane, scene in zip(codes, scenes, strict=True):
        here = plane.reshape(-1)[at]
        x += _X[here] * np.float32(weight[scene] / len(weight))
        y += _Y[here] * np.float32(weight[scene] / len(weight))
    held = np.hypot(x, y) >= agree
    return _joined(edges, at[held], x[held], y[held])


def _joined(edges: _Floats, at: _Ints, x: _Floats, y: _Floats) -> list[_Group]:
    height, width = edges.shape
    on = np.zeros((height, width), np.uint8)
    on.flat[at] = 1
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        cv2.dilate(on, _square(_JOIN_PX)), connectivity=8
    )
    group = labels.reshape(-1)[at]
    out = []
    for number in range(1, count):
        own = group == number
        left, top, wide, tall = boxes[number, :4].tolist()
        if own.sum() < _LEAST_PX or wide * tall > _LARGEST * width * height:
            continue
        if left <= 1 or top <= 1 or left + wide >= width - 1 or top + tall >= height - 1:
            continue
        if _roundness(x[own], y[own]) < _ROUND or _dense(
            edges, labels == number, (left, top, wide, tall)
        ):
            continue
        turns = np.arctan2(y[own], x[own]) / (2 * np.pi) * DIRECTIONS
        codes = np.floor(turns + 0.5).astype(np.int16) % DIRECTIONS + 1
        # The box without what joined its parts.
        sides = left + _JOIN_PX, top + _JOIN_PX, left + wide - _JOIN_PX, top + tall - _JOIN_PX
        box = sides[0] / width, sides[1] / height, sides[2] / width, sides[3] / height
        out.append(_Group(at[own], codes, box))
    return out


def _roundness(x: _Floats, y: _Floats) -> float:
    """How much edges run in all directions: 0 for parallel lines, 1 for a circle."""
    second = np.array([[(x * x).mean(), (x * y).mean()], [(x * y).mean(), (y * y).mean()]])
    small, large = np.linalg.eigvalsh(second)
    return float(small / max(large, 1e-9))


def _dense(edges: _Floats, group: npt.NDArray[np.bool_], box: tuple[int, int, int, int]) -> bool:
    """Whether the surroundings of a group are full of edges."""
    left, top, wide, tall = box
    part = (
        slice(max(0, top - _RING_PX), top + tall + _RING_PX),
        slice(max(0, left - _RING_PX), left + wide + _RING_PX),
    )
    own = group[part].astype(np.uint8)
    ring = (cv2.dilate(own, _square(_RING_PX)) - own).astype(np.bool_)
    return bool(ring.any() and edges[part][ring].mean() > _RING_EDGES)


def _square(reach: int) -> npt.NDArray[np.uint8]:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
