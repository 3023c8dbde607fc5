"""What the tracks beside a video say of it, as numbers that conditions can be about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from curator.align.clock import series_on_video
from curator.align.still import STEP_SECONDS, Stillness, rest_ahead, still_runs, still_seconds
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span, intersection, total_seconds
from curator.model.sync import Clock
from curator.model.track import Between, MotionTrack, NumberTrack, Track
from curator.plan.checks import Scope
from curator.plan.logical import LogicalPlan
from curator.plan.statistics import statistic
from curator.plan.verdicts import Known
from curator.spec.operand import Operand
from curator.spec.told import LONGEST_STILL_SECONDS, REST_AHEAD_SECONDS, STILL_SECONDS, track_of

__all__ = ["known_series", "told_series", "told_signal", "told_signals"]

_BY_REST = {STILL_SECONDS: still_seconds, REST_AHEAD_SECONDS: rest_ahead}
_AROUND = 2 * STEP_SECONDS
"""Rows beyond an idle run's least length that decide whether it goes on."""


def told_signals(
    logical: LogicalPlan, span: Span, known: Known, clocks: Mapping[str, Clock] | None = None
) -> dict[str, Signal]:
    """Every number of one span that checks ask of tracks; none while a track has not been read.

    Args:
        clocks: by alignment, where all of them are settled; without them, tracks that are to be
            aligned say nothing yet, and the others go by their declared clocks.
    """
    out: dict[str, Signal] = {}
    for check in logical.scoped(Scope.clip):
        found, aligned = track_of(check.operand), logical.aligned(check)
        if found is None or (aligned is None) != (clocks is None):
            continue
        if known.untold(found[:1]):
            continue
        clock = clocks.get(aligned) if clocks is not None and aligned is not None else None
        clock = known.clock(found[0]) if clock is None else clock
        out[check.column] = told_signal(check.operand, _track(found, known), clock, span)
    return out


def known_series(operand: Operand, known: Known) -> Series | None:
    """``(n,)`` numbers of a track by its declared clock; None where there are none, or nobody has read it."""
    found = track_of(operand)
    if found is None or known.untold(found[:1]):
        return None
    series = told_series(operand, _track(found, known), known.clock(found[0]))
    if series is None or operand.series != REST_AHEAD_SECONDS or not known.cuts:
        return series
    return _until(series, known.cuts)


def told_series(operand: Operand, track: Track | None, clock: Clock) -> Series | None:
    """``(n,)`` numbers on the video's clock; None where the track has none to say."""
    if operand.series in _BY_REST:
        numbers = _numbers(track, clock)
        return None if numbers is None else _BY_REST[operand.series](numbers, _rule(operand))
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


def _until(series: Series, cuts: Sequence[Fraction]) -> Series:
    """Seconds ahead, no more than until something else begins: episodes that share a file end there."""
    ends = np.array([float(cut) for cut in cuts])
    after = np.searchsorted(ends, series.seconds, side="right")
    left = np.append(ends, np.inf)[after] - series.seconds
    return Series(
        series.ticks, series.time_base, np.minimum(series.values.astype(np.float64), left)
    )


def _track(named: tuple[str, str], known: Known) -> Track | None:
    """The track of that name, or one number of a track: its field, by name or by its place (``state.6``).

    Names of tracks and of fields may have dots themselves, so the longest name of a track is tried first.
    """
    role, name = named
    found = known.track(role, name)
    at = len(name)
    while found is None and name and at >= 0:
        at = name.rfind(".", 0, at)
        whole = known.track(role, name[: max(at, 0)])
        found = _field(whole, name[at + 1 :]) if isinstance(whole, NumberTrack) else None
        if at < 0:
            break
    return found


def _field(track: NumberTrack, name: str) -> NumberTrack | None:
    values = track.series.values
    if values.ndim != 2:
        return None
    place = track.fields.index(name) if name in track.fields else None
    if place is None and name.isdecimal() and int(name) < values.shape[1]:
        place = int(name)
    if place is None:
        return None
    between = track.between[place] if len(track.between) > 1 else track.between[0]
    series = Series(track.series.ticks, track.series.time_base, values[:, place])
    return NumberTrack(series=series, between=(between,))


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
