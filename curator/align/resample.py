"""Brings a track to a clip: its values by the clip's clock, at the rate that is asked for.

The clip's zero is the presentation time of its first frame, its duration that of the span. Time
stamps are exact: shifted and scaled as fractions, at a rate ``k / fps`` as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, gcd, lcm, prod
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from curator.align.between import Curve, Floats, Instants, at_instants, turned
from curator.align.words import Partial, text_on_clip
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import Between, MotionTrack, NumberTrack, TextTrack

__all__ = ["Resampling", "on_clip"]

_Ints: TypeAlias = npt.NDArray[np.int64]
_T = TypeVar("_T", NumberTrack, MotionTrack, TextTrack)

_GAP_STEPS = 4
"""Usual steps of a track without a sample that are still no gap, where no bound is given."""
_EDGE_SECONDS = Fraction(1, 1000)
"""Files round time stamps to a millisecond or to 32-bit floats: an instant that misses a sample by this, and by no more than a tenth of a usual step, may mean it."""
_LARGEST_TICK = 2**62
_PICOSECOND = Fraction(1, 10**12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How values are carried to other instants than their own."""

    positions: Curve = Curve.linear
    """Of joints; what numbers do is for their track to say (`Between`)."""
    max_gap_seconds: Fraction | None = None
    """Longest time between two samples with values between them; None: four usual steps of the track."""
    partial: Partial = Partial.middle
    """Which cues of a text belong to a clip that has but a part of them."""


def on_clip(
    track: _T,
    clock: Clock,
    span: Span,
    *,
    fps: Fraction | None = None,
    times: Sequence[Fraction] | None = None,
    how: Resampling | None = None,
) -> _T:
    """`track` as the clip of `span` has it.

    With `fps` there are values at every ``k / fps`` in ``[0, duration)``, with `times` at these
    instants. With neither the track keeps its own samples, those in ``[0, duration)``, and nothing
    is computed but their times. Text has cues, not samples: it takes neither.

    Args:
        track: on its own clock.
        clock: how that stands to the video's.
        span: of the video.
        fps: exact values per second.
        times: increasing instants by the clip's clock.
        how: curves and bounds.

    Raises:
        ValueError: for `fps` and `times` at once, either of them with a text, or fields that say
            ``slerp`` and are not four in a row.
    """
    how = how or Resampling()
    if fps is not None and times is not None:
        raise ValueError("give a rate or instants, not both")
    if isinstance(track, TextTrack):
        if fps is not None or times is not None:
            raise ValueError("text has no rate")
        return text_on_clip(track, clock, span, how.partial)
    if fps is None and times is None:
        return _kept(track, clock, span)
    ticks, time_base = _grid(span, fps) if fps is not None else _listed(times or ())
    if isinstance(track, NumberTrack):
        return _numbers(track, clock, span, ticks, time_base, how)
    return _motion(track, clock, span, ticks, time_base, how)


def _grid(span: Span, fps: Fraction) -> tuple[_Ints, Fraction]:
    if fps <= 0:
        raise ValueError(f"a rate must be positive, got {fps}")
    return np.arange(ceil(span.seconds * fps), dtype=np.int64), 1 / fps


def _listed(times: Sequence[Fraction]) -> tuple[_Ints, Fraction]:
    if any(later <= sooner for sooner, later in pairwise(times)):
        raise ValueError("instants must increase")
    denominator = lcm(*(time.denominator for time in times))
    return np.array([int(time * denominator) for time in times], np.int64), Fraction(1, denominator)


def _kept(track: _T, clock: Clock, span: Span) -> _T:
    """The track's own samples inside the clip, their times shifted and scaled."""
    if isinstance(track, NumberTrack):
        ticks, time_base, inside = _shifted(track.series.ticks, track.series.time_base, clock, span)
        series = Series(ticks, time_base, track.series.values[inside])
        return NumberTrack(
            series=series, fields=track.fields, units=track.units, between=track.between
        )
    assert isinstance(track, MotionTrack), "text was dealt with"
    ticks, time_base, inside = _shifted(track.ticks, track.time_base, clock, span)
    return MotionTrack(
        ticks=ticks,
        time_base=time_base,
        skeleton=track.skeleton,
        positions=track.positions[inside],
        rotations=None if track.rotations is None else track.rotations[inside],
    )


def _shifted(
    ticks: _Ints, time_base: Fraction, clock: Clock, span: Span
) -> tuple[_Ints, Fraction, slice]:
    """Times by the clip's clock, exact where 63 bits can hold them and else to a picosecond."""
    step = time_base / clock.rate
    start = clock.offset_seconds / clock.rate + span.start
    base = _common(step, start)
    times, per = [int(tick) for tick in ticks], int(step / base)
    largest = max((abs(time) for time in (*times[:1], *times[-1:])), default=0)
    if largest * per + abs(int(start / base)) < _LARGEST_TICK:
        shifted = [time * per - int(start / base) for time in times]
    else:
        base = _PICOSECOND
        shifted = [round((time * step - start) / base) for time in times]
    out = np.array(shifted, np.int64)
    first = int(np.searchsorted(out, 0))
    last = int(np.searchsorted(out, ceil(span.seconds / base)))
    return out[first:last], base, slice(first, last)


def _common(a: Fraction, b: Fraction) -> Fraction:
    """The largest fraction of which both are multiples."""
    return Fraction(
        gcd(a.numerator * b.denominator, b.numerator * a.denominator),
        a.denominator * b.denominator,
    )


def _instants(
    of: tuple[_Ints, Fraction],
    clock: Clock,
    span: Span,
    at: tuple[_Ints, Fraction],
    how: Resampling,
) -> Instants:
    """Instants by the clip's clock, `at`, as ticks of a track, `of`."""
    (ticks, time_base), (wanted, step) = of, at
    start = clock.on_track(span.start) / time_base
    per = clock.rate * step / time_base
    # Integers over one denominator: a rate as 30000/1001 stays exact.
    whole = lcm(start.denominator, per.denominator)
    origin, each = int(start * whole), int(per * whole)
    places = [divmod(origin + each * int(tick), whole) for tick in wanted]
    second = clock.rate / time_base
    usual = float(np.median(np.diff(ticks))) if len(ticks) > 1 else 0.0
    if how.max_gap_seconds is not None:
        max_gap = int(how.max_gap_seconds * second)
    else:
        max_gap = int(_GAP_STEPS * usual)
    return Instants(
        ticks=np.array(
            [max(-_LARGEST_TICK, min(place, _LARGEST_TICK)) for place, _ in places], np.int64
        ),
        rest=np.array([rest / whole for _, rest in places], np.float64),
        max_gap=max_gap,
        edge=min(float(_EDGE_SECONDS * second), usual / 10) if usual else 0.0,
    )


def _numbers(
    track: NumberTrack, clock: Clock, span: Span, ticks: _Ints, time_base: Fraction, how: Resampling
) -> NumberTrack:
    series = track.series
    when = _instants((series.ticks, series.time_base), clock, span, (ticks, time_base), how)
    shape = series.values.shape[1:]
    width = shape[-1] if shape else 1
    values = series.values.astype(np.float64).reshape(len(series), prod(shape[:-1]), width)
    out = np.empty((len(ticks), *values.shape[1:]))
    between = track.between or (Between.linear,)
    between = between * width if len(between) == 1 else between
    for kind, curve in ((Between.hold, Curve.hold), (Between.linear, Curve.linear)):
        fields = [k for k, one in enumerate(between) if one is kind]
        columns = values[:, :, fields].reshape(len(series), values.shape[1] * len(fields))
        found = at_instants(series.ticks, columns, when, curve)
        out[:, :, fields] = found.reshape(len(ticks), values.shape[1], len(fields))
    for first in _quaternions(between):
        out[:, :, first : first + 4] = turned(series.ticks, values[:, :, first : first + 4], when)
    typed = out.reshape(len(ticks), *shape).astype(series.values.dtype)
    return NumberTrack(
        series=Series(ticks, time_base, typed),
        fields=track.fields,
        units=track.units,
        between=track.between,
    )


def _quaternions(between: Sequence[Between]) -> list[int]:
    """Where quaternions begin among the fields."""
    starts: list[int] = []
    index = 0
    while index < len(between):
        if between[index] is not Between.slerp:
            index += 1
            continue
        four = between[index : index + 4]
        if len(four) < 4 or any(one is not Between.slerp for one in four):
            raise ValueError("a quaternion has four fields in a row")
        starts.append(index)
        index += 4
    return starts


def _motion(
    track: MotionTrack, clock: Clock, span: Span, ticks: _Ints, time_base: Fraction, how: Resampling
) -> MotionTrack:
    when = _instants((track.ticks, track.time_base), clock, span, (ticks, time_base), how)
    joints = track.positions.shape[1]
    places: Floats = track.positions.astype(np.float64)
    # A joint is seen or it is not: of half a place nothing is known.
    places = np.where(np.isfinite(places).all(axis=2, keepdims=True), places, np.nan)
    moved = at_instants(track.ticks, places.reshape(len(places), -1), when, how.positions)
    rotations = None
    if track.rotations is not None:
        rotations = turned(track.ticks, track.rotations.astype(np.float64), when).astype(np.float32)
    return MotionTrack(
        ticks=ticks,
        time_base=time_base,
        skeleton=track.skeleton,
        positions=moved.reshape(len(ticks), joints, 3).astype(np.float32),
        rotations=rotations,
    )
