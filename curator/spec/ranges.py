"""What the types of a recipe cannot say: ranges of its numbers, and numbers that exclude each other."""

from __future__ import annotations

import itertools
import re

from curator.spec.read import Checks, Reader
from curator.spec.recipe import (
    AlignSpec,
    AudioSpec,
    BalanceSpec,
    Bars,
    CameraSpec,
    ClockSpec,
    Condition,
    CropSpec,
    DistinctSpec,
    LikenessSpec,
    PackSpec,
    Recipe,
    SecondsSpec,
    SegmentSpec,
    SnapSpec,
    SplitSpec,
    StillSpec,
    TrackSpec,
    VideoSpec,
)
from curator.spec.settings import EngineSpec
from curator.spec.splits import check_split

__all__ = ["RECIPE_CHECKS", "SETTINGS_CHECKS"]

_CASCADES = ("learned", "declared")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SPLIT = re.compile(r"\w+(\.\w+)*")
"""What `datasets` takes for the name of a split."""


def _seconds(seconds: SecondsSpec, path: str, reader: Reader) -> None:
    if seconds.min > seconds.max:
        message = f"no clip fits: min {seconds.min:g} s is above max {seconds.max:g} s"
        reader.note("recipe-min-above-max", f"{path}.min", message)
    _must(
        reader,
        (seconds.min > 0, f"{path}.min", "above 0 s"),
        (seconds.trim >= 0, f"{path}.trim", "not negative"),
    )


def _segment(segment: SegmentSpec, path: str, reader: Reader) -> None:
    _must(reader, (segment.forgive_seconds >= 0, f"{path}.forgive_seconds", "not negative"))


def _snap(snap: SnapSpec, path: str, reader: Reader) -> None:
    _must(
        reader,
        (snap.within_seconds > 0, f"{path}.within_seconds", "above 0 s"),
        (snap.pause_seconds >= 0, f"{path}.pause_seconds", "not negative"),
    )


def _video(video: VideoSpec, path: str, reader: Reader) -> None:
    _must(
        reader,
        (video.height is None or video.height >= 2, f"{path}.height", "at least 2 px"),
        (video.fps is None or video.fps > 0, f"{path}.fps", "above 0"),
        (0 <= video.crf <= 51, f"{path}.crf", "from 0 to 51"),
        (
            video.keyframe_seconds is None or video.keyframe_seconds > 0,
            f"{path}.keyframe_seconds",
            "above 0 s",
        ),
    )
    if video.width is not None:
        even = all(side is not None and side % 2 == 0 for side in (video.width, video.height))
        _must(
            reader,
            (video.width >= 2 and even, f"{path}.width", "even, beside an even height"),
            (video.crop is None, f"{path}.width", "left out: a crop has a size and an aspect"),
        )


def _condition(condition: Condition, path: str, reader: Reader) -> None:
    share = condition.expect
    _must(reader, (share is None or 0 < share <= 1, f"{path}.expect", "above 0 and up to 1"))


def _camera(camera: CameraSpec, path: str, reader: Reader) -> None:
    _video(camera, path, reader)
    _must(
        reader,
        (camera.crop is None, f"{path}.crop", "left out: nothing is measured of this camera"),
        (camera.bars is Bars.keep, f"{path}.bars", "left out: nothing is measured of this camera"),
    )


def _crop(crop: CropSpec, path: str, reader: Reader) -> None:
    size, margin = crop.size, crop.margin
    _must(
        reader,
        (size is None or (size >= 16 and size % 2 == 0), f"{path}.size", "even, at least 16 px"),
        (0.1 <= crop.aspect <= 10, f"{path}.aspect", "from 0.1 to 10"),
        (margin is None or 0 <= margin <= 10, f"{path}.margin", "from 0 to 10"),
        (0 <= crop.slack <= 0.5, f"{path}.slack", "from 0 to 0.5"),
        (0 <= crop.smooth_seconds <= 10, f"{path}.smooth_seconds", "from 0 to 10 s"),
    )


def _audio(audio: AudioSpec, path: str, reader: Reader) -> None:
    rate = audio.sample_rate_hz
    _must(reader, (rate is None or rate > 0, f"{path}.sample_rate_hz", "above 0"))


def _clock(clock: ClockSpec, path: str, reader: Reader) -> None:
    _must(reader, (0.5 <= clock.rate <= 2, f"{path}.rate", "from 0.5 to 2"))


def _align(align: AlignSpec, path: str, reader: Reader) -> None:
    bound, search, residual = align.max_offset_seconds, align.search_seconds, align.residual_seconds
    _must(
        reader,
        (bound > 0, f"{path}.max_offset_seconds", "above 0 s"),
        (
            search is None or search >= bound,
            f"{path}.search_seconds",
            f"at least max_offset_seconds, {bound:g} s",
        ),
        (residual is None or residual > 0, f"{path}.residual_seconds", "above 0 s"),
    )


def _still(still: StillSpec, path: str, reader: Reader) -> None:
    _must(
        reader,
        (still.change > 0, f"{path}.change", "above 0"),
        (still.seconds >= 0, f"{path}.seconds", "not negative"),
    )


def _track(track: TrackSpec, path: str, reader: Reader) -> None:
    _must(
        reader,
        (track.fps is None or track.fps > 0, f"{path}.fps", "above 0"),
        (track.max_gap_seconds >= 0, f"{path}.max_gap_seconds", "not negative"),
    )


def _pack(pack: PackSpec, path: str, reader: Reader) -> None:
    _must(reader, (pack.shard_mib >= 1, f"{path}.shard_mib", "at least 1"))


def _distinct(distinct: DistinctSpec, path: str, reader: Reader) -> None:
    near, share = distinct.max_distance, distinct.min_overlap
    _must(
        reader,
        (0 <= near <= 0.4, f"{path}.max_distance", "from 0 to 0.4: beyond are strangers"),
        (0 < share <= 1, f"{path}.min_overlap", "above 0 and up to 1"),
    )


def _likeness(likeness: LikenessSpec, path: str, reader: Reader) -> None:
    near = likeness.max_distance
    _must(reader, (0 <= near < 1, f"{path}.max_distance", "from 0 up to 1"))


def _balance(quota: BalanceSpec, path: str, reader: Reader) -> None:
    edges, share, near = quota.buckets, quota.max_share, quota.max_distance
    rising = all(a < b for a, b in itertools.pairwise(edges))
    _must(
        reader,
        (rising, f"{path}.buckets", "edges that increase"),
        (quota.clusters is None or quota.clusters >= 2, f"{path}.clusters", "at least 2"),
        (near is None or 0 < near < 1, f"{path}.max_distance", "above 0 and below 1"),
        (quota.max_seconds is None or quota.max_seconds > 0, f"{path}.max_seconds", "above 0 s"),
        (quota.max_clips is None or quota.max_clips >= 1, f"{path}.max_clips", "at least 1"),
        (share is None or 0 < share < 1, f"{path}.max_share", "above 0 and below 1"),
    )


def _recipe(recipe: Recipe, _path: str, reader: Reader) -> None:
    shares = recipe.splits.values()
    _must(
        reader,
        (bool(_NAME.fullmatch(recipe.name)), "name", "of a-z, 0-9, '.', '_' and '-'"),
        (0 <= recipe.max_failed <= 1, "max_failed", "a share from 0 to 1"),
        (all(0 < share < 1 for share in shares), "splits", "shares above 0 and below 1"),
        (sum(shares) < 1, "splits", "shares that leave something for train"),
        (
            all(map(_SPLIT.fullmatch, recipe.splits)),
            "splits",
            "named with letters, digits, '_' and '.'",
        ),
        ("train" not in recipe.splits, "splits.train", "left out: train is what is left"),
    )


def _engine(engine: EngineSpec, path: str, reader: Reader) -> None:
    _must(
        reader,
        (engine.workers >= 0, f"{path}.workers", "0 (one per core) or more"),
        (engine.decode_threads >= 1, f"{path}.decode_threads", "at least 1"),
        (engine.task_seconds > 0, f"{path}.task_seconds", "above 0 s"),
        (engine.task_memory_gib > 0, f"{path}.task_memory_gib", "above 0 GiB"),
        (engine.task_tiles >= 1, f"{path}.task_tiles", "at least 1"),
        (engine.spool_gib >= 0, f"{path}.spool_gib", "not negative"),
        (engine.cascade in _CASCADES, f"{path}.cascade", " or ".join(_CASCADES)),
    )


def _must(reader: Reader, *rules: tuple[bool, str, str]) -> None:
    """Note the rules that do not hold; a rule is (whether it holds, where, what is right)."""
    for holds, path, right in rules:
        if not holds:
            reader.note("recipe-out-of-range", path, f"'{path}' must be {right}")


RECIPE_CHECKS: Checks = {
    AlignSpec: _align,
    AudioSpec: _audio,
    BalanceSpec: _balance,
    CameraSpec: _camera,
    ClockSpec: _clock,
    Condition: _condition,
    CropSpec: _crop,
    DistinctSpec: _distinct,
    LikenessSpec: _likeness,
    PackSpec: _pack,
    Recipe: _recipe,
    SecondsSpec: _seconds,
    SegmentSpec: _segment,
    SnapSpec: _snap,
    SplitSpec: check_split,
    StillSpec: _still,
    TrackSpec: _track,
    VideoSpec: _video,
}
"""Run on each record of a recipe as soon as it is made."""

SETTINGS_CHECKS: Checks = {EngineSpec: _engine}
"""The same for how a build is run."""
