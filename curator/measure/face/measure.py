"""The measure `face`: one detector pass per sampled frame, and a mesh for each face that it finds."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameNeed, Need, Tile, View, Weight
from curator.infer.boxes import Picture, overlap
from curator.measure.face.blazeface import BLAZEFACE, BlazeFace
from curator.measure.face.detection import Detection, Spotter
from curator.measure.face.geometry import angles_deg, eyes_open, mouth_open
from curator.measure.face.mesh import MESH, NUM_POINTS, Mesh, Mesher
from curator.measure.face.movement import movement
from curator.measure.face.yuface import YUFACE, YuFace
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec

__all__ = ["Detector", "Face"]

_MAX_FACES = 8
_SAME_FACE = 0.4
_BOX_TO_MESH = (0.5, 1.7)

_Floats: TypeAlias = npt.NDArray[np.float32]


class Detector(enum.Enum):
    """Which network looks for faces."""

    blazeface = "blazeface"
    """MediaPipe's full-range model: 5 ms a frame, any platform, faces from 4 % of the longer side."""
    yuface = "yuface"
    """libfacedetection: 25 ms a frame, Linux x86-64 with AVX2 only, faces from 2 % of the longer side."""


def _number(name: str, unit: str, about: str) -> SeriesSpec:
    return SeriesSpec(name=name, unit=unit, about=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """Faces in view, and where the largest of them looks and whether its mouth moves.

    A detector finds places that may be faces (`candidates`). The landmark network then says whether
    each is one: only what it is sure of (`min_presence`) and what fits its box counts (`count`, at
    most 8). So toys, hands, bottle caps, backs of heads and most cartoons have no face, and neither
    has a head turned away or a face that is a blur. All other series are about the largest face, by
    height, and are NaN in frames without one. Its box is that of the landmarks: hairline to chin.
    Angles are seen from the viewer: `yaw_deg` is positive when the nose points to the right of the
    picture, `pitch_deg` when it points up, `roll_deg` when the head leans clockwise. A person who
    looks into the lens has about 0, within the few degrees that lens and face shape cost.
    Every frame is judged alone, so values do not depend on what came before.

    Typical: for talking heads `alone_share` 1, `yaw_deg` within +-20, `mouth_open` from 0.0 closed to 0.5
    in a wide vowel, `eyes_open` 0.25..0.45 (below 0.15 in a blink), `movement` 0.05..0.35 face
    heights per second, `talking` 0.35..1 per second (below 0.1 while silent). `height_px` counts
    display pixels of the original video: below 120 is too small to train lips on, above 256 good.
    What fools it: photorealistic animated people count as people; so do faces on posters and
    screens; a second face in profile may be missed (ask `candidates` when being alone matters more
    than yield); a hand before the mouth makes `mouth_open` guesswork (`mouth` finds it).
    Source: Bazarevsky et al., "BlazeFace", 2019; Wu, Peng and Yu, "YuNet", 2023; Kartynnik et al.,
    "Real-time facial surface geometry", 2019; Grishchenko et al., "Attention mesh", 2020. Weights
    of MediaPipe (Apache-2.0) and libfacedetection (BSD-3-Clause); own code around them.
    """

    name: ClassVar[str] = "face"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "face"
    cost: ClassVar[float] = 0.12
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        _number("count", "count", "faces that the landmark network confirms"),
        _number("candidates", "count", "places that the detector takes for faces"),
        _number("confidence", "ratio", "the detector's confidence in the largest face"),
        _number("presence", "ratio", "the landmark network's confidence in the largest face"),
        _number(
            "height_px", "px", "height of the largest face in pixels of the original, as shown"
        ),
        _number("area", "ratio", "share of the picture that the largest face's box covers"),
        _number("x", "share", "centre of the largest face, 0 left to 1 right"),
        _number("y", "share", "centre of the largest face, 0 top to 1 bottom"),
        _number("width", "share", "width of the largest face over the picture's"),
        _number("height", "share", "height of the largest face over the picture's"),
        _number("yaw_deg", "deg", "turn of the head: positive to the right of the picture"),
        _number("pitch_deg", "deg", "nod of the head: positive up"),
        _number("roll_deg", "deg", "lean of the head: positive clockwise"),
        _number("mouth_open", "gap/width", "gap between the lips over the width of the mouth"),
        _number("eyes_open", "gap/width", "gap between the lids over the width of the eye"),
        SeriesSpec(
            name="landmarks",
            unit="share",
            about="points of the largest face: x and y over the picture's sides, z over its width; float16, so exact to a pixel in 2000",
            shape=(NUM_POINTS, 3),
        ),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (
        SignalSpec(name="alone_share", unit="ratio", about="share of frames with exactly one face"),
        SignalSpec(
            name="movement",
            unit="heights/s",
            about="how far the largest face moves, in face heights per second",
        ),
        SignalSpec(
            name="talking",
            unit="1/s",
            about="how much the mouth opens and shuts per second, in mouth widths",
        ),
        SignalSpec(
            name="jumps",
            unit="count",
            about="times the largest face is elsewhere than a frame before: another face, or a cut",
        ),
    )

    fps: float = 8.0
    """Frames judged per second."""
    max_side_px: int = 640
    """Longest side of the frames that are judged, pixels."""
    detector: Detector = Detector.blazeface
    """Which network looks for faces."""
    min_confidence: float = 0.6
    """Least confidence of the detector for a place to be looked at."""
    min_presence: float = 0.9
    """Least confidence of the landmark network for a face to count."""
    min_height: float = 0.04
    """Least height of a face that counts, as a share of the picture's height."""

    def __post_init__(self) -> None:
        if not 0 < self.min_confidence < 1 or not 0 <= self.min_presence <= 1:
            raise ValueError("confidences lie between 0 and 1")

    @property
    def needs(self) -> Mapping[str, Need]:
        """Upright frames in colour."""
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The landmark network and the chosen detector."""
        return (MESH, *(YUFACE if self.detector is Detector.yuface else (BLAZEFACE,)))

    def start(self, weights: Mapping[str, Path]) -> _Running:
        """Load both networks.

        Raises:
            MeasureError: ``extra-missing``, ``weights-unreadable``, ``weights-digest``, ``face-platform``.
        """
        least = self.min_confidence
        spotter: Spotter
        if self.detector is Detector.yuface:
            spotter = YuFace(weights, min_confidence=least)
        else:
            spotter = BlazeFace(weights[BLAZEFACE.name], min_confidence=least)
        return _Running(self, spotter, Mesher(weights[MESH.name]))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        """Shares and speeds over the clip's frames."""
        count = clip.series.get("count")
        if count is None or not len(count):
            return {spec.name: Signal(None, absent="no-frames") for spec in self.signals}
        alone = Signal(float(np.mean(count.values == 1)))
        return {"alone_share": alone, **movement(clip)}


class _Running:
    def __init__(self, settings: Face, spotter: Spotter, mesher: Mesher) -> None:
        self._settings = settings
        self._spotter = spotter
        self._mesher = mesher

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["rgb"]
        pictures = block.pixels[block.own]
        numbers = np.full((len(pictures), len(_NUMBERS)), np.nan, np.float32)
        points = np.full((len(pictures), NUM_POINTS, 3), np.nan, np.float16)
        for index, picture in enumerate(pictures):
            candidates = self._candidates(picture)
            faces = self._faces(picture, candidates)
            numbers[index, :2] = len(faces), len(candidates)
            if faces:
                numbers[index, 2:] = _row(*faces[0], picture, tile.video.video.display_height_px)
                points[index] = _shares(faces[0][1], picture)
        out = {name: block.series(numbers[:, k]) for k, name in enumerate(_NUMBERS)}
        return {**out, "landmarks": block.series(points)}

    def _candidates(self, picture: Picture) -> list[Detection]:
        least_px = self._settings.min_height * picture.shape[0]
        found = [one for one in self._spotter(picture) if one.box.height >= least_px]
        return found[:_MAX_FACES]

    def _faces(self, picture: Picture, candidates: list[Detection]) -> list[tuple[Detection, Mesh]]:
        """Confirmed faces, the largest first."""
        fitted = [(one, self._mesher(picture, one)) for one in candidates]
        sure = [pair for pair in fitted if self._is_face(picture, *pair)]
        faces: list[tuple[Detection, Mesh]] = []
        for pair in sorted(sure, key=lambda pair: -pair[1].box.height):
            if all(overlap(pair[1].box, other.box) < _SAME_FACE for _, other in faces):
                faces.append(pair)
        return faces

    def _is_face(self, picture: Picture, detection: Detection, mesh: Mesh) -> bool:
        # On hands and foliage the mesh collapses or bursts out of the detector's box.
        fit = mesh.box.height / detection.box.height
        return (
            mesh.presence >= self._settings.min_presence
            and _BOX_TO_MESH[0] <= fit <= _BOX_TO_MESH[1]
            and mesh.box.height >= self._settings.min_height * picture.shape[0]
        )


_NUMBERS = tuple(spec.name for spec in Face.series if not spec.shape)


def _row(
    detection: Detection, mesh: Mesh, picture: Picture, display_height_px: int
) -> tuple[float, ...]:
    """Values of one face in the order of the series, from `confidence` on."""
    height, width = picture.shape[:2]
    box = mesh.box
    x, y = box.centre
    return (
        detection.confidence,
        mesh.presence,
        box.height * display_height_px / height,
        min(1.0, box.width * box.height / (width * height)),
        x / width,
        y / height,
        box.width / width,
        box.height / height,
        *angles_deg(mesh.points),
        mouth_open(mesh.points),
        eyes_open(mesh.points),
    )


def _shares(mesh: Mesh, picture: Picture) -> npt.NDArray[np.float16]:
    height, width = picture.shape[:2]
    return (mesh.points / [width, height, width]).astype(np.float16)
