"""What a condition can ask of a track beside a video: ``sidecar.ROLE[.TRACK]`` and one of its numbers."""

from __future__ import annotations

from collections.abc import Mapping

from curator.errors import RecipeError
from curator.registry import nearest
from curator.spec.operand import STATISTICS, Operand
from curator.spec.recipe import StillSpec
from curator.spec.tracks import SIDECAR, sidecar_of

__all__ = [
    "LONGEST_STILL_SECONDS",
    "REST_AHEAD_SECONDS",
    "STILL_SECONDS",
    "STILL_SHARE",
    "TOLD",
    "VALUE",
    "is_told",
    "resolve_told",
    "track_of",
]

STILL_SHARE = "still_share"
LONGEST_STILL_SECONDS = "longest_still_seconds"
STILL_SECONDS = "still_seconds"
REST_AHEAD_SECONDS = "rest_ahead_seconds"
VALUE = "value"

TOLD: Mapping[str, tuple[str, str]] = {
    STILL_SHARE: ("ratio", "of the clip's time, what lies in idle runs of the track"),
    LONGEST_STILL_SECONDS: (
        "s",
        "the longest part of the clip in which nothing of the track moves",
    ),
    STILL_SECONDS: ("s", "how long the idle run is that the moment lies in; 0 outside of runs"),
    REST_AHEAD_SECONDS: (
        "s",
        "how long it is until the next idle run begins, or the track ends; 0 inside of runs",
    ),
    VALUE: ("of the track", "the number of a track that has one, or of one field: TRACK.FIELD"),
}
"""Numbers of a track, below ``sidecar.ROLE[.TRACK]``: unit and meaning. The first two are of clips, the
others of moments, with all the statistics that series of measures have."""

_OF_CLIPS = (STILL_SHARE, LONGEST_STILL_SECONDS)


def is_told(of: str) -> bool:
    """Whether a condition is about a track beside the video, not about a measure."""
    return of.startswith(SIDECAR)


def track_of(operand: Operand) -> tuple[str, str] | None:
    """(role, track) that an operand is about; None where it is a measure's."""
    return sidecar_of(operand.measure)


def resolve_told(of: str, still: StillSpec) -> Operand:
    """What a condition about a track asks; its `measure` is the track's name.

    Raises:
        RecipeError: ``recipe-unknown-signal``.
    """
    track, name, stat = _split(of)
    if name is None or len(track.split(".")) < 2:
        known = [*_OF_CLIPS, STILL_SECONDS, REST_AHEAD_SECONDS, f"{VALUE}.min"]
        tracks = dict.fromkeys((of.rpartition(".")[0], of))
        raise RecipeError(
            f"'{of}' says no number of a track",
            reason="recipe-unknown-signal",
            hint=nearest(of, [f"{track}.{one}" for track in tracks for one in known]),
        )
    params = {"change": still.change, "seconds": still.seconds} if name != VALUE else {}
    return Operand(
        measure=track,
        op="track",
        params=params,
        series=None if name in _OF_CLIPS else name,
        stat=stat,
        signal=name if name in _OF_CLIPS else None,
        unit="ratio" if stat == "share" else TOLD[name][0],
    )


def _split(of: str) -> tuple[str, str | None, str | None]:
    """(track, number, statistic); names of tracks may have dots themselves."""
    track, _, last = of.rpartition(".")
    if last in TOLD:
        return track, last, None
    before, _, name = track.rpartition(".")
    if last in STATISTICS and name in TOLD and name not in _OF_CLIPS:
        return before, name, last
    return of, None, None
