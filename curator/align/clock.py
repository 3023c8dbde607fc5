"""Tracks put on a video's clock."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import NANOSECOND, Cue, MotionTrack, NumberTrack, Track

__all__ = ["series_on_video", "track_on_video"]


def track_on_video(track: Track, clock: Clock) -> Track:
    """The same values at the instants of the video that their time stamps mean, to the nanosecond."""
    if clock == Clock():
        return track
    if isinstance(track, NumberTrack):
        return dataclasses.replace(track, series=series_on_video(track.series, clock))
    if isinstance(track, MotionTrack):
        ticks = _moved(track.ticks, track.time_base, clock)
        return dataclasses.replace(track, ticks=ticks, time_base=NANOSECOND)
    return dataclasses.replace(track, cues=tuple(_cue(cue, clock) for cue in track.cues))


def series_on_video(series: Series, clock: Clock) -> Series:
    """A series of a track's clock on the video's."""
    if clock == Clock():
        return series
    return Series(_moved(series.ticks, series.time_base, clock), NANOSECOND, series.values)


def _moved(
    ticks: npt.NDArray[np.int64], time_base: Fraction, clock: Clock
) -> npt.NDArray[np.int64]:
    # Differences to the first stay small, so that floats are exact to far below a nanosecond.
    if not len(ticks):
        return ticks
    start = round(clock.on_video(int(ticks[0]) * time_base) / NANOSECOND)
    scale = float(time_base / clock.rate / NANOSECOND)
    moved: npt.NDArray[np.int64] = start + np.rint((ticks - ticks[0]) * scale).astype(np.int64)
    return moved


def _cue(cue: Cue, clock: Clock) -> Cue:
    span = Span(clock.on_video(cue.span.start), clock.on_video(cue.span.end))
    return dataclasses.replace(cue, span=span, words=tuple(_cue(one, clock) for one in cue.words))
