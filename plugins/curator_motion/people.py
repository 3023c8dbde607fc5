"""The people in one picture: found, fitted, and believed only if their mirror image says the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from curator.infer.boxes import Picture, overlap
from curator_motion.body import Body, Fitter
from curator_motion.detector import Finder, Region
from curator_motion.posture import JOINTS, in_picture, length_px, shares

__all__ = ["Belief", "Crowd", "Person", "Scene", "close", "gap", "same"]

_MAX_PEOPLE = 6
_SAME_BODY = 0.5
_SAME_PLACE = 0.3
_SAME_SIZE = 0.6
_CLOSE = (0.08, 0.85, 1.2)
_LEAST_JOINTS = 4
_WHOLE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What a candidate must reach to count as a person."""

    min_presence: float
    max_mirror_gap: float
    min_height: float
    """Of the body over the picture's height."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A body, and how well it agrees with its mirror image."""

    body: Body
    mirror_gap: float
    """Median distance of the joints in view between both fits, in body lengths."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Who is in one picture."""

    people: tuple[Person, ...]
    """Those who count, the one to follow first."""
    mirror_gap: float
    """Of the one to follow; where nobody counts, the smallest of those who do not. NaN without either."""


class Crowd:
    """Finds the people of a picture.

    A network that was only ever shown people fits one to anything: birds, chairs, robot arms. But
    what is no person is fitted one way in the picture and another way in its mirror image, while the
    points of a real body stay where they are. So every candidate is fitted twice, and the mean of
    both is more exact than either.
    """

    def __init__(self, finder: Finder, fitter: Fitter, belief: Belief) -> None:
        self._finder = finder
        self._fitter = fitter
        self._belief = belief

    def __call__(self, picture: Picture, before: Sequence[Person]) -> Scene:
        """Who is in `picture`; `before` are the people of the frame before.

        The detector misses people now and then who are plain to see. Where somebody was a moment
        ago and nobody has been found, the network looks again.
        """
        size = picture.shape[:2]
        found: list[Person] = []
        self._add(found, picture, self._finder(picture)[:_MAX_PEOPLE])
        lost = [one.body.next_region for one in before]
        self._add(found, picture, lost)
        people = self._believed(found, size)
        people.sort(key=lambda one: _rank(one.body, size), reverse=True)
        people = _faithful(people, before, size)
        gaps = [one.mirror_gap for one in people[:1] or found]
        return Scene(tuple(people), min(gaps, default=math.nan))

    def _add(self, found: list[Person], picture: Picture, regions: Iterable[Region]) -> None:
        """Look into each of `regions`, unless it holds somebody who has been found."""
        for region in regions:
            sure = [one for one in found if one.mirror_gap <= self._belief.max_mirror_gap]
            if not any(_alike(one.body.next_region, region) for one in sure):
                one = self._fitted(picture, region)
                found += [one] if one else []

    def _fitted(self, picture: Picture, region: Region) -> Person | None:
        """What the network takes for a person, by the picture and by its mirror image."""
        body = self._fitter(picture, region)
        if body.presence < self._belief.min_presence:
            return None
        if not close(region, body.next_region):
            body = self._fitter(picture, body.next_region)
        mirrored = self._fitter.mirrored(picture, body.region)
        if min(body.presence, mirrored.presence) < self._belief.min_presence:
            return None
        return Person(_mean(body, mirrored), gap(body, mirrored, picture.shape[:2]))

    def _believed(self, found: Iterable[Person], size: tuple[int, int]) -> list[Person]:
        """Those who count, each once."""
        people: list[Person] = []
        for one in found:
            counts = (
                one.mirror_gap <= self._belief.max_mirror_gap
                and length_px(one.body) >= self._belief.min_height * size[0]
            )
            if counts and not any(_twice(one.body, other.body) for other in people):
                people.append(one)
        return people


def same(one: Person, other: Person) -> bool:
    """Whether they stand so near each other, and are so alike in size, that they may be one person."""
    return _alike(one.body.region, other.body.region)


def _alike(one: Region, other: Region) -> bool:
    return _apart(one, other) < _SAME_PLACE and _SAME_SIZE < one.side / other.side < 1 / _SAME_SIZE


def _apart(one: Region, other: Region) -> float:
    """Distance of the hips in body lengths."""
    way = math.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1])
    return way / min(one.length, other.length)


def _twice(one: Body, other: Body) -> bool:
    return overlap(one.box, other.box) > _SAME_BODY


def close(one: Region, other: Region) -> bool:
    """Whether a fit in either would be the same: no second look is needed."""
    far, low, high = _CLOSE
    return _apart(one, other) < far and low < other.side / one.side < high


def _rank(body: Body, size: tuple[int, int]) -> tuple[float, float]:
    """A whole body before a part of one, then the tallest."""
    # In steps: a hidden wrist must not hand over to a passer-by in the background.
    return round(3 * shares(body, size)[0]) / 3, length_px(body)


def _faithful(
    people: list[Person], before: Sequence[Person], size: tuple[int, int]
) -> list[Person]:
    """The one who was followed stays so while most of the body can be seen: two people make no ping-pong."""
    if not before:
        return people
    old = [one for one in people if same(before[0], one) and shares(one.body, size)[0] >= _WHOLE]
    return [*old[:1], *(one for one in people if one is not (old[0] if old else None))]


def gap(one: Body, other: Body, size: tuple[int, int]) -> float:
    """Median distance of the joints in view between two fits, in body lengths; `size` is (height, width) in pixels."""
    joints = np.array(JOINTS)
    there = joints[in_picture(one, size)[joints]]
    if len(there) < _LEAST_JOINTS:
        there = joints
    ways = np.linalg.norm(one.points[there] - other.points[there], axis=1)
    return float(np.median(ways)) / length_px(one)


def _mean(one: Body, other: Body) -> Body:
    return replace(
        one,
        points=(one.points + other.points) / 2,
        visibility=(one.visibility + other.visibility) / 2,
        world=(one.world + other.world) / 2,
    )
