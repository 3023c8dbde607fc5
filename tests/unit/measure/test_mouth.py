"""Mouths: seen when they are in view, hidden behind hands, cups, microphones and masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from curator.abc.measure import FrameBlock, FrameNeed, View
from curator.infer.boxes import Box
from curator.measure.face import Mouth
from curator.measure.face.blazeface import BLAZEFACE, BlazeFace
from curator.measure.face.detection import Detection
from curator.measure.face.mesh import MESH, NUM_POINTS, Mesh, Mesher
from curator.measure.face.shake import DIAGONALS, centre_of_mouth, nudge, shaken
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import Tiles
from curator.testing.measure import MeasureTests
from curator.testing.tiles import Footage, run
from tests.covers import Thing, cup, hand, mask, microphone, pasted, sheet
from tests.footage import own, shared
from tests.measured import measured, model_files

Pictures = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

SEEN = 0.5
"""What the recipe `avatar` asks for."""


class TestMouth(MeasureTests):
    measure = Mouth()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


# ---- people whose mouth is in view


@pytest.mark.parametrize(
    "name", ["talk_f_01_hdtf.mp4", "talk_silent.mp4", "face_noaudio_selfie.mp4"]
)
def test_the_mouths_of_the_repository_are_seen(name: str) -> None:
    found = measured(Mouth(), own(name)).values("visible").astype(np.float64)
    assert (found >= SEEN).mean() >= 0.97
    assert np.median(found) > 0.6


@pytest.mark.parametrize(
    "name",
    [
        "talk_f_01b.mp4",
        "talk_m_02.mp4",
        "talk_f_03_portrait_hevc.mp4",
        "talk_m_04_portrait_hevc.mp4",
        "face_silent_track.mp4",
        "face_music.mp4",
    ],
)
def test_whoever_talks_or_listens_shows_the_mouth(name: str) -> None:
    found = measured(Mouth(), shared(f"fixtures/avatar/{name}")).values("visible")
    assert (found.astype(np.float64) >= SEEN).mean() >= 0.97


# ---- things before the mouth, and beside it


@pytest.mark.parametrize("person", ["talk_f_01_hdtf.mp4", "face_noaudio_selfie.mp4"])
@pytest.mark.parametrize("thing", [hand, microphone, cup, sheet])
def test_what_is_held_before_the_mouth_hides_it(thing: Callable[[], Thing], person: str) -> None:
    frames = np.stack([put(thing(), one, 0) for one in people(person)])
    assert hidden(frames).mean() >= 0.9


@pytest.mark.parametrize("person", ["talk_f_01_hdtf.mp4", "face_noaudio_selfie.mp4"])
def test_a_hand_of_the_colour_of_the_face_hides_it_as_well(person: str) -> None:
    frames = np.stack([put(tinted(hand(), one), one, 0) for one in people(person)])
    assert hidden(frames).mean() >= 0.9


@pytest.mark.parametrize("colour", [(150, 190, 215), (235, 235, 235), (30, 30, 35), None])
def test_a_mask_hides_it_whatever_its_colour(colour: tuple[int, int, int] | None) -> None:
    shown = people("talk_f_01_hdtf.mp4")
    frames = np.stack([mask(one, mesh_of(one).points, colour or cheek(one)) for one in shown])
    assert hidden(frames).all()


@pytest.mark.parametrize("person", ["talk_f_01_hdtf.mp4", "face_noaudio_selfie.mp4"])
@pytest.mark.parametrize(("thing", "below"), [(microphone, 0.45), (cup, 0.6), (hand, 0.85)])
def test_what_is_held_below_the_chin_does_not(
    thing: Callable[[], Thing], below: float, person: str
) -> None:
    frames = np.stack([put(thing(), one, below) for one in people(person)])
    assert (visible(frames) >= SEEN).mean() >= 0.95


def test_a_hand_on_the_cheek_does_not_hide_the_mouth() -> None:
    frames = np.stack([put(hand(), one, -0.1, 0.62) for one in people("talk_f_01_hdtf.mp4")])
    assert (visible(frames) >= SEEN).mean() >= 0.95


def test_a_hand_that_comes_and_goes_hides_the_mouth_for_as_long_as_it_is_there() -> None:
    shown = people("talk_f_01_hdtf.mp4")
    below = np.concatenate([np.full(3, 1.5), [1.0], np.zeros(4), [1.0], np.full(3, 1.5)])
    frames = np.stack([put(hand(), one, at) for one, at in zip(shown, below, strict=True)])
    found = hidden(frames)
    assert found[below == 0].all()
    assert not found[below == 1.5].any()


def test_hidden_faces_and_frames_without_one_have_no_value() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 360, 640, 3), dtype=np.uint8)
    frames[:2] = np.array([0, 128], np.uint8)[:, None, None, None]
    assert np.isnan(visible(frames)).all()
    found = measured(Mouth(fps=1.0), own("hands_blocks_topdown_720p.mp4")).values("visible")
    assert np.isnan(found.astype(np.float64)).all()


# ---- pushing the mouth


def test_a_push_moves_the_mouth_by_as_much_and_leaves_the_rest() -> None:
    picture, mesh = dotted(), flat()
    push = np.array([6.0, -4.0])
    moved = shaken(picture, mesh, push)
    assert brightest(moved) == pytest.approx(brightest(picture) + push, abs=0.5)
    changed = np.nonzero((moved != picture).any(axis=2))
    middle = mesh.points[_LIPS_AT, :2].mean(axis=0)
    away = np.hypot(changed[1] - middle[0], changed[0] - middle[1])
    assert away.max() < 0.5 * 100  # less than half of the width of the face
    assert (picture == dotted()).all()


def test_a_mouth_at_the_border_or_outside_is_pushed_as_far_as_it_is_there() -> None:
    for x in (0.0, 159.0, 400.0):
        picture, mesh = dotted(), flat(centre=(x, 60.0))
        moved = shaken(picture, mesh, np.array([5.0, 5.0]))
        assert moved.shape == picture.shape
        assert (x < 160) or (moved == picture).all()


def test_pushes_lean_with_the_head_and_grow_with_the_face() -> None:
    upright, leaning = (nudge(flat(), DIAGONALS[0], tilt) for tilt in (0.0, math.pi / 2))
    assert upright == pytest.approx([6.0, 6.0])
    assert leaning == pytest.approx([-6.0, 6.0])
    assert nudge(flat(width=200), DIAGONALS[1], 0) == pytest.approx([12.0, -12.0])


def test_a_network_that_sees_the_mouth_follows_it_and_one_that_guesses_does_not() -> None:
    picture, mesh = dotted(), flat()
    place = Detection(1.0, Box(30, 10, 130, 110), 0.0)

    def follow(look: Callable[[Pictures], Points]) -> list[float]:
        shares = []
        for diagonal in DIAGONALS:
            push = nudge(mesh, diagonal, place.tilt_radians)
            there, back = (look(shaken(picture, mesh, sign * push)) for sign in (1, -1))
            shares.append(float((there - back) @ push / (2 * push @ push)))
        return shares

    assert follow(brightest) == pytest.approx([1, 1], abs=0.1)
    assert follow(lambda _: centre_of_mouth(mesh)) == pytest.approx([0, 0])


def test_confidences_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Mouth(min_presence=1.5)


# ---- making footage


def visible(frames: Pictures) -> Points:
    """What the measure says of frames that are sampled one by one."""
    measure = Mouth()
    footage = Footage(np.ascontiguousarray(frames), fps=Fraction(4))
    found = run(measure, footage, weights=model_files(measure))["visible"]
    return found.values.astype(np.float64)


def hidden(frames: Pictures) -> npt.NDArray[np.bool_]:
    """Where a recipe would not see the mouth: also where a face is so covered that it is none."""
    return ~(visible(frames) >= SEEN)


@cache
def people(name: str, *, count: int = 12) -> Pictures:
    """The first frames of a file of the repository at 4 fps."""
    need = FrameNeed(view=View.rgb, fps=Fraction(4), max_side_px=640)
    found: list[Pictures] = []
    for tile in read_tiles(own(name), probe(own(name)), (need,), Tiles.all(2), stats=DecodeStats()):
        block = tile.blocks[need]
        assert isinstance(block, FrameBlock)
        found.extend(np.array(block.pixels[block.own]))
    return np.stack(found[:count])


@cache
def networks() -> tuple[BlazeFace, Mesher]:
    files = model_files(Mouth())
    return BlazeFace(files[BLAZEFACE.name], min_confidence=0.5), Mesher(files[MESH.name])


def mesh_of(picture: Pictures) -> Mesh:
    spotter, mesher = networks()
    return mesher(picture, max(spotter(picture), key=lambda one: one.box.height))


def put(thing: Thing, picture: Pictures, below: float, beside: float = 0.0) -> Pictures:
    """The thing over the mouth, or so many heights of the face below and widths beside it."""
    points = mesh_of(picture).points[:, :2]
    down, across = points[152] - points[10], points[454] - points[234]
    at = points[[13, 14]].mean(axis=0) + below * down + beside * across
    return pasted(picture, thing, at, float(np.linalg.norm(down)), turn=12)


def cheek(picture: Pictures) -> tuple[int, int, int]:
    x, y = mesh_of(picture).points[[50, 280], :2].mean(axis=0).astype(int)
    red, green, blue = np.median(picture[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3), axis=0)
    return int(red), int(green), int(blue)


def tinted(thing: Thing, picture: Pictures) -> Thing:
    """The thing in the colour of this face."""
    skin = np.array([[cheek(picture)]], np.uint8)
    tones = cv2.cvtColor(thing.pixels, cv2.COLOR_RGB2LAB).astype(np.float64)
    wanted = cv2.cvtColor(skin, cv2.COLOR_RGB2LAB).astype(np.float64)[0, 0]
    moved = tones - np.median(tones[thing.alpha > 0.5], axis=0) + wanted
    pixels = cv2.cvtColor(np.clip(moved, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)
    return Thing(pixels, thing.alpha, thing.anchor, thing.size)


_LIPS_AT = [0, 13, 14, 17, 61, 291]


def flat(*, width: float = 100, centre: tuple[float, float] = (80.0, 60.0)) -> Mesh:
    """A mesh whose lips are one point, and whose sides lie to its left and right."""
    points = np.zeros((NUM_POINTS, 3))
    points[:, :2] = centre
    points[[234, 454], 0] = centre[0] - width / 2, centre[0] + width / 2
    return Mesh(points, 1.0)


def dotted() -> Pictures:
    """A bright blob where `flat` has its mouth, on a dim pattern."""
    y, x = np.mgrid[:120, :160]
    blob = 200 * np.exp(-((x - 80) ** 2 + (y - 60) ** 2) / 18)
    pattern = 20 + 20 * ((x // 8 + y // 8) % 2)
    return np.repeat((blob + pattern)[..., None], 3, axis=2).astype(np.uint8)


def brightest(picture: Pictures) -> Points:
    """``(2,)`` middle of what is bright, pixels."""
    weight = np.maximum(picture[..., 0].astype(np.float64) - 100, 0)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
