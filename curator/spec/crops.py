"""What a crop follows, and how large pictures are: ``sample.video`` of a recipe, resolved."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from curator.errors import MeasureError, RecipeError
from curator.model.look import Hdr, Look, Matrix
from curator.spec.operand import resolve_series
from curator.spec.read import Reader
from curator.spec.recipe import Bars, MeasureSpec, VideoSpec

__all__ = ["BARS", "BODIES", "CROP", "check_crop", "crop_series", "is_boxed", "look_of"]

CROP = "crop"
"""Name of the track that says which part of the source a clip shows."""
BODIES = {"person": "pose.keypoints", "upper_body": "pose.keypoints"}
"""What is followed by the points of a body."""
BARS = ("top", "bottom", "left", "right")
_SIDES = ("x", "y", "width", "height")


def crop_series(video: VideoSpec | None) -> dict[str, str]:
    """The series that say where the subject and the picture are: by role, as ``measure.series``."""
    out: dict[str, str] = {}
    if video is None:
        return out
    if video.crop is not None:
        out |= _followed(video.crop.follow)
    if video.bars is Bars.cut:
        out |= {f"bars.{side}": f"bars.{side}" for side in BARS}
    return out


def is_boxed(video: VideoSpec | None) -> bool:
    """Whether clips show a box of the source, so that samples say which."""
    return video is not None and (
        video.crop is not None or video.bars is Bars.cut or video.width is not None
    )


def look_of(video: VideoSpec) -> Look | None:
    """What pictures look like, beyond their height; None while they are just made smaller."""
    size: tuple[int, int] | None = None
    if video.crop is not None and video.crop.size is not None:
        height = video.crop.size
        size = max(2, round(height * Fraction(str(video.crop.aspect)) / 2) * 2), height
    elif video.width is not None and video.height is not None:
        size = video.width, video.height
    look = Look(size=size, fit=video.fit, hdr=video.hdr, matrix=video.matrix)
    graded = video.hdr is not Hdr.refuse or video.matrix is not Matrix.source
    return look if is_boxed(video) or graded else None


def check_crop(sample: Any, named: Mapping[str, MeasureSpec], reader: Reader) -> None:
    """Note what a crop follows that no measure sees; the rest is checked with the recipe's form."""
    video = sample.get("video") if isinstance(sample, Mapping) else None
    crop = video.get("crop") if isinstance(video, Mapping) else None
    follow = crop.get("follow") if isinstance(crop, Mapping) else None
    if not isinstance(follow, str):
        return
    tracks = sample.get("tracks")
    if isinstance(tracks, Mapping) and CROP in tracks:
        message = f"'{CROP}' is the track of the crop's own boxes"
        reader.note("recipe-bad-name", f"sample.tracks.{CROP}", message, at_key=True)
    try:
        for of in _followed(follow).values():
            resolve_series(of, named)
    except (RecipeError, MeasureError) as error:
        message = f"nothing to follow: {error.message}"
        reader.note(error.reason, "sample.video.crop.follow", message, hint=error.hint)


def _followed(follow: str) -> dict[str, str]:
    if follow in BODIES:
        return {"keypoints": BODIES[follow]}
    return {side: f"{follow}.{side}" for side in _SIDES}
