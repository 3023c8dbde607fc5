"""The aligner `speech_text`: the times of a transcript against when somebody speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curator.abc.aligner import Pair, TrackKind
from curator.align.estimate.activity import Activity
from curator.align.estimate.compare import Band, compare
from curator.model.sync import Offset
from curator.model.track import TextTrack

__all__ = ["SpeechText"]

_BAND = Band(step_seconds=0.02, fine_seconds=0.05, coarse_seconds=2.0)
_SPEECH = "speech.probability"
_STEP_SECONDS = 0.02
_BEYOND_SECONDS = 2.0
_FEWEST_EDGES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechText:
    """How late a transcript is, from when its words are said against when a voice is heard.

    The words' own times where the file has them, else the cues'. Only pauses tell: each beginning and each
    end of speech is one fact.

    Typical: within 0.1 s for words and tight cues with four pauses or more, within 0.3 s for subtitles, whose
    cues stay on the screen after the last word (which the offset then shares).
    What fools it: captions of sounds and songs, speakers that are not transcribed, music that reads as speech,
    fluent speech without pauses (absent: ``no-pauses``).
    Source: own definition, as subtitle synchronisers do (ffsubsync); correlation as in `compare`.
    """

    name: ClassVar[str] = "speech_text"
    version: ClassVar[int] = 1
    kinds: ClassVar[frozenset[TrackKind]] = frozenset({TrackKind.text})
    measures: ClassVar[Mapping[str, Mapping[str, Any]]] = {"speech": {}}
    of_track: ClassVar[frozenset[str]] = frozenset()
    listens: ClassVar[bool] = False
    confidence: ClassVar[str] = (
        "standard deviations above the best lag of a wrong pair: right pairs 1.5 to 2 with four phrases in 10 s,"
        " more with every pause; wrong pairs 0 +- 1"
    )

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        """How late the text is. Absent: ``no-audio``, ``no-speech``, ``no-text``, ``no-pauses`` ..."""
        if not isinstance(pair.track, TextTrack):
            return Offset(seconds=None, absent="not-text")
        series = pair.series.get(_SPEECH)
        if series is None:
            return Offset(seconds=None, absent="no-audio")
        heard = Activity.of_series(series)
        inside = heard.within(float(pair.span.start), float(pair.span.end))
        if not len(inside) or float(np.nanmax(inside.values)) < 0.5:
            return Offset(seconds=None, absent="no-speech")
        around = _BEYOND_SECONDS + 2 * max_offset_seconds
        said = _said(pair.track, float(pair.span.start) - around, float(pair.span.end) + around)
        if not said.values.any():
            return Offset(seconds=None, absent="no-text")
        if np.abs(np.diff(said.values[:, 0])).sum() < _FEWEST_EDGES:
            return Offset(seconds=None, absent="no-pauses")
        return compare(heard, said, _BAND, span=pair.span, max_offset_seconds=max_offset_seconds)


def _said(track: TextTrack, start: float, end: float) -> Activity:
    """1 while something is said, else 0, every 20 ms."""
    times = np.arange(np.floor(start / _STEP_SECONDS), np.ceil(end / _STEP_SECONDS)) * _STEP_SECONDS
    spoken = np.zeros(len(times))
    for cue in track.cues:
        for one in cue.words or (cue,):
            low, high = np.searchsorted(times, (float(one.span.start), float(one.span.end)))
            spoken[low:high] = 1
    return Activity.of(times, spoken)
