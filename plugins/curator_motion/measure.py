"""The measure `pose`: who is in view, how much of the body, and how it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameBlock, FrameNeed, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support
from curator_motion.body import LANDMARKS, NUM_POINTS, Fitter
from curator_motion.detector import DETECTOR, Finder
from curator_motion.movement import SIGNALS, signals
from curator_motion.pace import pace
from curator_motion.people import Belief, Crowd, Person, Scene
from curator_motion.posture import cut_limbs, length_px, shares

__all__ = ["Pose"]

_Floats: TypeAlias = npt.NDArray[np.float32]


def _number(name: str, unit: str, about: str, support: Support = Support.frame) -> SeriesSpec:
    return SeriesSpec(name=name, unit=unit, about=about, support=support)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Bodies: how many people, how much of the one followed is in view, and how it moves.

    A detector finds places that may be people, and a second network fits 33 points to each. Birds,
    chairs and robot arms get points as well; so every candidate is fitted a second time to its mirror
    image. Who is there is fitted alike both times (`mirror_gap` 0.006 to 0.02 body lengths), what is
    nobody is not (0.025 to 0.08), and only what agrees counts. The one followed is the most complete
    body, the tallest of several. Lengths are body lengths: the height of that body, were it upright.
    Movement is that of the joints against the hips (`speed`), so a pan, a zoom or a person who is carried
    along does not count; feet are compared with the background, whose shift is measured around the people.

    Typical: `inside` 1 in the open, 0.8 with a hidden arm, below 0.7 for a person cut off at the knees
    or behind a table, 0 to 0.3 for a talking head. `speed` 0.02..0.06 lengths per second standing still,
    0.1..0.3 gestures and play, 0.4..0.8 walking, above 1 sport; `jolt` below 0.01 tripod, 0.1
    hand-held, above 0.35 violent. Per clip: `spread` 0.01 still, 0.05..0.15 play, walking and
    sport; `variety` 1 standing, 8 and more in play; `periodicity` above 0.5 walking and exercises, below 0.35
    without rhythm; `foot_contact` 1 standing, 0.8 walking, less in running and jumps.
    What fools it: photorealistic animated people, statues, posters and people on screens count as
    people; bodies below a tenth of the picture are missed; a blur of fast limbs lowers `inside`; left and right
    change places now and then in side views; depth is an estimate from one picture; a zoom or a turn
    of the camera reads as a moving foot.
    Source: Bazarevsky et al., "BlazePose", 2020; Grishchenko et al., "BlazePose GHUM Holistic", 2022.
    Weights of MediaPipe (Apache-2.0); own code around them; belief by mirror images is ours.
    """

    name: ClassVar[str] = "pose"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "motion"
    cost: ClassVar[float] = 0.45
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        _number("count", "count", "people in view"),
        _number(
            "mirror_gap",
            "lengths",
            "median distance between the points and those fitted to the mirror image; where nobody counts, of the candidate that came nearest",
        ),
        _number("confidence", "ratio", "the detector's confidence in the one followed"),
        _number("presence", "ratio", "the landmark network's confidence in the one followed"),
        _number(
            "inside",
            "ratio",
            "share of shoulders, elbows, wrists, hips, knees and ankles that are in the picture and not hidden",
        ),
        _number("upper", "ratio", "the same of shoulders, elbows and wrists alone"),
        _number("cut", "count", "hands and feet beyond the edge of the picture, 0 to 4"),
        _number(
            "height_px",
            "px",
            "height of the body, were it upright, in pixels of the original, as shown",
        ),
        _number("x", "share", "place between the hips, 0 left to 1 right"),
        _number("y", "share", "place between the hips, 0 top to 1 bottom"),
        _number(
            "speed",
            "lengths/s",
            "mean speed of the 12 joints against the hips, in body lengths",
            Support.pair,
        ),
        _number(
            "foot_speed",
            "lengths/s",
            "speed of the slower foot against the background, in body lengths",
            Support.pair,
        ),
        _number(
            "jolt",
            "sides/s",
            "change of the background's speed from one step to the next, in longer sides of the picture: shake, not pan",
            Support.pair,
        ),
        SeriesSpec(
            name="keypoints",
            unit="px",
            about="the 33 points of the one followed: x and y in pixels of the original, as shown, and visibility in [0, 1]",
            shape=(NUM_POINTS, 3),
        ),
        SeriesSpec(
            name="world",
            unit="m",
            about="the same lifted to 3D, from between the hips: x to the right of the picture, y down, z away from the viewer",
            shape=(NUM_POINTS, 3),
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = SIGNALS

    fps: float = 8.0
    """Frames judged per second."""
    max_side_px: int = 640
    """Longest side of the frames that are judged, pixels."""
    min_confidence: float = 0.3
    """Least confidence of the detector for a place to be looked at."""
    min_presence: float = 0.8
    """Least confidence of the landmark network, in the picture and in its mirror image, for a person to count."""
    max_mirror_gap: float = 0.025
    """Largest distance between the points fitted to the picture and to its mirror image, in body lengths, for a person to count."""
    min_height: float = 0.1
    """Least height of a body that counts, were it upright, as a share of the picture's height."""

    def __post_init__(self) -> None:
        if not 0 < self.min_confidence < 1 or not 0 <= self.min_presence <= 1:
            raise ValueError("confidences lie between 0 and 1")

    @property
    def needs(self) -> Mapping[str, Need]:
        """Upright frames in colour, with the two before: speeds compare two, jolts three."""
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px, before=2)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The detector and the landmark network."""
        return (DETECTOR, LANDMARKS)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load both networks.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``.
        """
        finder = Finder(weights[DETECTOR.name], min_confidence=self.min_confidence)
        belief = Belief(
            min_presence=self.min_presence,
            max_mirror_gap=self.max_mirror_gap,
            min_height=self.min_height,
        )
        return _Running(Crowd(finder, Fitter(weights[LANDMARKS.name]), belief))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """How the one followed moves over the clip."""
        return signals(clip)


class _Running:
    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        scenes = self._scenes(block)
        speeds = pace(block, scenes)
        zoom = tile.video.video.display_height_px / max(1, block.pixels.shape[1])
        own = range(len(block.ticks))[block.own]
        numbers = np.full((len(own), len(_NUMBERS)), np.nan, np.float32)
        keypoints = np.full((len(own), NUM_POINTS, 3), np.nan, np.float32)
        world = np.full((len(own), NUM_POINTS, 3), np.nan, np.float32)
        for row, index in enumerate(own):
            people, picture = scenes[index].people, block.pixels[index]
            numbers[row, :2] = len(people), scenes[index].mirror_gap
            numbers[row, -3:] = speeds[index]
            if people:
                numbers[row, 2:-3] = _row(people[0], picture.shape[:2], zoom)
                keypoints[row] = _keypoints(people[0], zoom)
                world[row] = people[0].body.world
        out = {name: block.series(numbers[:, k]) for k, name in enumerate(_NUMBERS)}
        return {**out, "keypoints": block.series(keypoints), "world": block.series(world)}

    def _scenes(self, block: FrameBlock) -> list[Scene]:
        """Every frame, context too; each helps to find the people of the next."""
        scenes: list[Scene] = []
        for picture in block.pixels:
            scenes.append(self._crowd(picture, scenes[-1].people if scenes else ()))
        return scenes


_NUMBERS = tuple(spec.name for spec in Pose.series if not spec.shape)


def _row(person: Person, size: tuple[int, int], zoom: float) -> tuple[float, ...]:
    """Values of the one followed in the order of the series, from `confidence` to `y`."""
    body = person.body
    x, y = body.region.centre
    return (
        body.region.confidence,
        min(1.0, body.presence),
        *shares(body, size),
        cut_limbs(body, size),
        length_px(body) * zoom,
        x / size[1],
        y / size[0],
    )


def _keypoints(person: Person, zoom: float) -> _Floats:
    body = person.body
    return np.column_stack([body.points * zoom, body.visibility]).astype(np.float32)
