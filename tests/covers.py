"""Things before faces, with known truth: a hand cut out of real footage, and objects drawn with shade and noise."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from curator.abc.measure import FrameBlock, FrameNeed, View
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import Tiles
from tests.footage import own

__all__ = ["Thing", "cup", "hand", "mask", "microphone", "pasted", "sheet"]

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

_OVAL = (123, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152)
_OVAL += (377, 400, 378, 379, 365, 397, 288, 361, 323, 352, 280, 5, 50)


@dataclass(frozen=True, eq=False)
class Thing:
    """A picture of a thing that can be held before a face."""

    pixels: Picture
    """``(h, w, 3)``."""
    alpha: npt.NDArray[np.float32]
    """``(h, w)`` in [0, 1]."""
    anchor: tuple[float, float]
    """The point that goes where the thing is put, pixels."""
    size: float
    """Its longer side over the height of the face."""


def pasted(picture: Picture, thing: Thing, at: Points, face_height: float, turn: float) -> Picture:
    """`thing` at a point of the picture, turned by degrees, with the shadow that it casts."""
    scale = thing.size * face_height / max(thing.pixels.shape[:2])
    place = cv2.getRotationMatrix2D(thing.anchor, turn, scale)
    place[:, 2] += at - thing.anchor
    size = picture.shape[1::-1]
    soft = cv2.GaussianBlur(thing.pixels, (0, 0), max(0.3, 0.4 / scale))
    colour = cv2.warpAffine(soft, place, size).astype(np.float64)
    alpha = cv2.warpAffine(thing.alpha, place, size)
    shadow = 0.25 * cv2.GaussianBlur(alpha, (0, 0), 0.03 * size[0]) * (1 - alpha)
    alpha, shadow = alpha[..., None], shadow[..., None]
    return np.clip(picture * (1 - shadow) * (1 - alpha) + colour * alpha, 0, 255).astype(np.uint8)


@cache
def hand() -> Thing:
    """The back of a hand, filmed from above on a dark mat; what has the colour of skin there is the hand."""
    need = FrameNeed(view=View.rgb, fps=Fraction(2), max_side_px=1280)
    path = own("hands_blocks_topdown_720p.mp4")
    tile = next(read_tiles(path, probe(path), (need,), Tiles.all(1), stats=DecodeStats()))
    block = tile.blocks[need]
    assert isinstance(block, FrameBlock)
    return _cut_out(np.array(block.pixels[4, :520, 390:900]))


def _cut_out(picture: Picture) -> Thing:
    tones = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.int16)
    skin = (tones[..., 0] > 80) & (abs(tones[..., 1] - 152) < 17) & (abs(tones[..., 2] - 105) < 20)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(skin.astype(np.uint8))
    assert count > 1, "no skin in the picture"
    largest = (labels == 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    whole = cv2.morphologyEx(largest, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    alpha = cv2.GaussianBlur(cv2.erode(whole, np.ones((5, 5))).astype(np.float32), (0, 0), 1.5)
    rows, columns = np.nonzero(alpha > 0.5)
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    height, width = alpha[box].shape
    return Thing(picture[box], alpha[box], (width / 2, height * 0.55), 0.95)


@cache
def microphone() -> Thing:
    """A black ball of wire mesh on a stem, as reporters hold it."""
    y, x = np.mgrid[:700, :400].astype(np.float64)
    ball = np.hypot(x - 200, (y - 170) / 1.1) < 140
    stem = (y > 290) & (abs(x - 200) < 60)
    wires = 40 + 25 * ((x // 6 + y // 6) % 2)
    light = np.clip(1.3 - np.hypot(x - 150, y - 110) / 260, 0.3, 1.3)
    grey = np.where(ball, wires * light, 35 + 30 * np.exp(-(((x - 180) / 25) ** 2)))
    return Thing(_noisy(grey[..., None]), _soft(ball | stem), (200.0, 170.0), 0.95)


@cache
def cup() -> Thing:
    """A white mug, seen from the front."""
    y, x = np.mgrid[:420, :360].astype(np.float64)
    body = (abs(x - 180) < 160 - 0.05 * y) & (y > 30 - 0.0008 * (x - 180) ** 2)
    shade = 235 * (1 - 0.45 * ((x - 140) / 200) ** 2)
    tinted = shade[..., None] * np.array([1.0, 0.98, 0.95])
    return Thing(_noisy(tinted), _soft(body & (y < 415)), (180.0, 190.0), 0.5)


@cache
def sheet() -> Thing:
    """A sheet of paper."""
    x = np.tile(np.arange(420.0), (300, 1))
    tinted = (190 + 0.1 * x)[..., None] * np.array([1.0, 1.0, 0.97])
    return Thing(_noisy(tinted), np.ones((300, 420), np.float32), (210.0, 150.0), 0.6)


def mask(picture: Picture, points: Points, colour: tuple[int, int, int]) -> Picture:
    """A pleated mask from the nose to the chin over the face with these points."""
    height, width = picture.shape[:2]
    edge = points[list(_OVAL), :2]
    over = np.zeros((height, width), np.uint8)
    cv2.fillPoly(over, [np.round(edge * 8).astype(np.int32)], 1, shift=3)
    low, high = edge.min(axis=0), edge.max(axis=0)
    y, x = np.mgrid[:height, :width]
    across, down = (x - low[0]) / (high[0] - low[0]), (y - low[1]) / (high[1] - low[1])
    light = (1 - 1.4 * (across - 0.45) ** 2) * (1 - 0.08 * np.cos(10 * np.pi * down))
    cloth = _noisy(light[..., None] * np.array(colour))
    alpha = cv2.GaussianBlur(over.astype(np.float32), (0, 0), 1)[..., None]
    return (picture * (1 - alpha) + cloth * alpha).astype(np.uint8)


def _noisy(colour: npt.NDArray[np.float64]) -> Picture:
    noise = np.random.default_rng(0).normal(0, 3, (*colour.shape[:2], 3))
    return np.clip(colour + noise, 0, 255).astype(np.uint8)


def _soft(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    alpha: npt.NDArray[np.float32] = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.5)
    return alpha
