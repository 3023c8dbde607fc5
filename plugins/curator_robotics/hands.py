"""The measure `hands`: hands in view, how they move, and whether something moves with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameBlock, FrameNeed, Need, Tile, View, Weight
from curator.infer.boxes import Picture
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support
from curator_robotics.grip import FLOW_SIDE_PX, Flow, co_motion
from curator_robotics.hand import HAND, NUM_POINTS, Hand, HandFinder
from curator_robotics.palm import PALM

__all__ = ["Hands"]

_Floats: TypeAlias = npt.NDArray[np.float32]

_RELEASED = 2


def _number(name: str, unit: str, about: str, support: Support = Support.frame) -> SeriesSpec:
    return SeriesSpec(name=name, unit=unit, about=about, support=support)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """Hands in view, how large and how fast, and whether something beside the largest moves with it.

    A detector finds palms, the landmark network fits 21 points to each and says whether it is a hand.
    All series but `count` and `keypoints` are about the largest hand and are NaN in frames without
    one. `speed` is that of the hand's middle. `co_motion` looks beyond the finger tips, away from the
    arm: the share of textured surroundings that moves as the hand does, against the background. It
    has a value only where the hand itself moves. A clip's `contact_share` is the share of its frames
    with a moving hand in which `co_motion` is at least `contact_from`.

    Typical: `size` 0.2..0.6 for hands at a table filmed from near, below 0.1 for people seen as a
    whole; `speed` 0.1..0.8 at work; `co_motion` 0..0.15 for a hand in the air, above 0.3 when it carries
    or shifts something as large as itself.
    What fools it: gloves, hands seen from the edge, motion blur and hands cut off by the border are
    missed in single frames; faces and feet of toys are taken for hands now and then; small things
    vanish inside the hand and do not count as carried; another hand or a sleeve close by does.
    Source: Zhang et al., "MediaPipe Hands: on-device real-time hand tracking", 2020; flow by
    Kroeger et al., ECCV 2016. Weights of MediaPipe (Apache-2.0); own code around them; `co_motion`
    is ours, after the idea that things in contact share their motion.
    """

    name: ClassVar[str] = "hands"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "robotics"
    cost: ClassVar[float] = 0.2
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        _number("count", "count", "hands that the landmark network confirms, at most 4"),
        _number("confidence", "ratio", "the detector's confidence in the largest hand"),
        _number("presence", "ratio", "the landmark network's confidence in the largest hand"),
        _number("size", "share", "longer side of the largest hand over the picture's height"),
        _number("size_px", "px", "the same in pixels of the original, as shown"),
        _number("area", "ratio", "share of the picture that the largest hand's box covers"),
        _number("x", "share", "middle of the largest hand, 0 left to 1 right"),
        _number("y", "share", "middle of the largest hand, 0 top to 1 bottom"),
        _number("speed", "sides/s", "speed of the largest hand in longer sides", Support.pair),
        _number("co_motion", "ratio", "share of its surroundings that moves with it", Support.pair),
        SeriesSpec(
            name="keypoints",
            unit="share",
            about="21 points of the two largest hands: x and y over the picture's sides, z over its width",
            shape=(_RELEASED, NUM_POINTS, 3),
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="present_share", unit="ratio", about="share of frames with a hand"),
        SignalSpec(
            name="contact_share",
            unit="ratio",
            about="share of frames with a moving hand in which something moves with it",
        ),
    )

    fps: float = 8.0
    """Frames judged per second; below 5 fast hands are lost between frames."""
    max_side_px: int = 640
    """Longest side of the frames that are judged, pixels."""
    min_confidence: float = 0.5
    """Least confidence of the palm detector for a place to be looked at."""
    min_presence: float = 0.6
    """Least confidence of the landmark network for a hand to count."""
    contact_from: float = 0.3
    """`co_motion` from which on something counts as moved by the hand."""

    def __post_init__(self) -> None:
        if not 0 < self.min_confidence < 1 or not 0 <= self.min_presence <= 1:
            raise ValueError("confidences lie between 0 and 1")
        if self.max_side_px < FLOW_SIDE_PX:
            raise ValueError(f"flow needs max_side_px of {FLOW_SIDE_PX} or more")

    @property
    def needs(self) -> Mapping[str, Need]:
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px, before=1)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return (PALM, HAND)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load both networks.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``.
        """
        finder = HandFinder(
            weights,
            wanted_by=self.name,
            min_confidence=self.min_confidence,
            min_presence=self.min_presence,
        )
        return _Running(finder)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        count, moved = clip.series.get("count"), clip.series.get("co_motion")
        if count is None or not len(count):
            return {spec.name: Signal(None, absent="no-frames") for spec in self.signals}
        values = np.array([]) if moved is None else moved.values.astype(np.float64)
        known = values[np.isfinite(values)]
        return {
            "present_share": Signal(float(np.mean(count.values.astype(np.float64) > 0))),
            "contact_share": Signal(float((known >= self.contact_from).mean()))
            if len(known)
            else Signal(None, absent="no-moving-hand"),
        }


class _Running:
    def __init__(self, finder: HandFinder) -> None:
        self._finder = finder
        self._flow = Flow()

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        scenes = [self._finder(picture) for picture in block.pixels]
        own = range(*block.own.indices(len(scenes)))
        zoom = tile.video.video.display_height_px / max(1, block.pixels.shape[1])
        numbers = np.full((len(own), len(_NUMBERS)), np.nan, np.float32)
        points = np.full((len(own), _RELEASED, NUM_POINTS, 3), np.nan, np.float16)
        for row, index in enumerate(own):
            hands, picture = scenes[index], block.pixels[index]
            numbers[row, 0] = len(hands)
            for k, hand in enumerate(hands[:_RELEASED]):
                points[row, k] = _shares(hand, picture)
            if hands:
                numbers[row, 1:8] = _row(hands[0], picture, zoom)
                numbers[row, 8:] = self._motion(block, index, scenes)
        out = {name: block.series(numbers[:, k]) for k, name in enumerate(_NUMBERS)}
        return {**out, "keypoints": block.series(points)}

    def _motion(
        self, block: FrameBlock, index: int, scenes: Sequence[Sequence[Hand]]
    ) -> tuple[float, float]:
        """Speed of the largest hand of a frame since the one before, and what moves with it."""
        if index == 0:
            return np.nan, np.nan
        hand, picture = scenes[index][0], block.pixels[index]
        seconds = float((block.ticks[index] - block.ticks[index - 1]) * block.time_base)
        speed = _speed(hand, scenes[index - 1], max(picture.shape[:2]), seconds)
        flow, plane, scale = self._flow(block.pixels[index - 1], picture)
        return speed, co_motion(hand, flow, plane, scale)


_NUMBERS = tuple(spec.name for spec in Hands.series if not spec.shape)


def _row(hand: Hand, picture: Picture, zoom: float) -> tuple[float, ...]:
    """Values of one hand in the order of the series, from `confidence` to `y`."""
    height, width = picture.shape[:2]
    x, y = hand.box.centre
    return (
        hand.confidence,
        min(1.0, hand.presence),
        hand.size / height,
        hand.size * zoom,
        min(1.0, hand.box.width * hand.box.height / (width * height)),
        x / width,
        y / height,
    )


def _speed(hand: Hand, before: Sequence[Hand], side: int, seconds: float) -> float:
    """Longer sides per second; NaN when no hand was near enough to be the same."""
    centre = np.array(hand.box.centre)
    steps = [float(np.hypot(*(centre - other.box.centre))) for other in before]
    nearest = min(steps, default=np.inf)
    return nearest / side / seconds if nearest < 1.5 * hand.size else np.nan


def _shares(hand: Hand, picture: Picture) -> npt.NDArray[np.float16]:
    height, width = picture.shape[:2]
    return (hand.points / [width, height, width]).astype(np.float16)
