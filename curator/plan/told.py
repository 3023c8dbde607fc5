"""What the tracks beside a video say of it, as numbers that conditions can be about."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from curator.align.clock import series_on_video
from curator.align.still import STEP_SECONDS, Stillness, still_runs, still_seconds
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span, intersection, total_seconds
from curator.model.sync import Clock
from curator.model.track import Between, MotionTrack, NumberTrack, Track
from curator.plan.statistics import statistic
from curator.spec.operand import Operand
from curator.spec.told import LONGEST_STILL_SECONDS, STILL_SECONDS

__all__ = ["told_series", "told_signal"]

_AROUND = 2 * STEP_SECONDS
"""Rows beyond an idle run's least length that decide whether it goes on."""


def told_series(operand: Operand, track: Track | None, clock: Clock) -> Series | None:
    """``(n,)`` numbers on the video's clock; None where the track has none to say."""
    if operand.series == STILL_SECONDS:
        numbers = _numbers(track, clock)
        return None if numbers is None else still_seconds(numbers, _rule(operand))
    if not isinstance(track, NumberTrack):
        return None
    series = series_on_video(track.series, clock)
    if series.values.size != len(series):
        return None
    return Series(series.ticks, series.time_base, series.values.reshape(-1))


def told_signal(operand: Operand, track: Track | None, clock: Clock, span: Span) -> Signal:
    """What a track says of one clip.

    Absent as ``no-track`` when the video has none, ``no-numbers`` when it is text (or has several
    numbers where one is asked for), ``no-samples`` when it has nothing in the clip, ``no-value`` when
    all of that is missing.

    Args:
        operand: a signal, or a statistic of a series.
        track: on its own clock.
        clock: how that stands to the video's.
        span: of the clip, on the video's clock.
    """
    if track is None:
        return Signal(None, absent="no-track")
    if operand.signal is not None:
        return _still(operand, _numbers(track, clock), span)
    series = told_series(operand, track, clock)
    if series is None:
        return Signal(None, absent="no-numbers")
    assert operand.stat is not None, "a condition about clips asks for one number"
    return statistic(_inside(series, track, span), operand.stat)


def _inside(series: Series, track: Track, span: Span) -> Series:
    """The samples in a clip; of what holds, also the one that still does when the clip begins."""
    inside = series.within(span)
    holds = isinstance(track, NumberTrack) and track.between == (Between.hold,)
    if len(series) and holds and (not len(inside) or inside.time(0) > span.start):
        before = series.within(Span(min(span.start, series.time(0)) - 1, span.start)).last(1)
        inside = Series.join([before, inside])
    return inside


def _still(operand: Operand, numbers: Series | None, span: Span) -> Signal:
    if numbers is None:
        return Signal(None, absent="no-numbers")
    if not len(numbers.within(span)):
        return Signal(None, absent="no-samples")
    rule = _rule(operand)
    wide = rule.seconds + _AROUND
    near = numbers.within(Span(span.start - wide, span.end + wide))
    parts = intersection(still_runs(near, rule), (span,))
    if operand.signal == LONGEST_STILL_SECONDS:
        return Signal(float(max((part.seconds for part in parts), default=0)))
    return Signal(float(total_seconds(parts) / span.seconds))


def _numbers(track: Track | None, clock: Clock) -> Series | None:
    if isinstance(track, MotionTrack):
        track = NumberTrack(
            series=Series(track.ticks, track.time_base, np.asarray(track.positions))
        )
    return series_on_video(track.series, clock) if isinstance(track, NumberTrack) else None


def _rule(operand: Operand) -> Stillness:
    params = operand.params
    return Stillness(change=params["change"], seconds=Fraction(str(params["seconds"])))
