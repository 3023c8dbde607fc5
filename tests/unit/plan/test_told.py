"""Numbers of clips from tracks beside the video."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import Between, MotionTrack, NumberTrack, Skeleton, TextTrack, Track
from curator.plan.told import known_series, told_series, told_signal
from curator.spec.recipe import StillSpec
from curator.spec.told import resolve_told

OWN = Clock()


def ask(what: str, track: Track | None, span: tuple[int, int], clock: Clock = OWN) -> Signal:
    operand = resolve_told(f"sidecar.arm.{what}", StillSpec())
    return told_signal(operand, track, clock, Span(Fraction(span[0]), Fraction(span[1])))


def moving(idle: tuple[float, float], rate: int = 10) -> NumberTrack:
    times = np.arange(10 * rate) / rate
    moved = times - np.clip(times - idle[0], 0, idle[1] - idle[0])
    return NumberTrack(series=Series(np.arange(len(times)), Fraction(1, rate), moved[:, None]))


STILL = moving((3.0, 6.0))


@pytest.mark.parametrize(
    ("span", "share", "longest"),
    [((0, 10), 0.3, 3), ((0, 3), 0, 0), ((4, 5), 1, 1), ((5, 9), 0.25, 1), ((2, 5), 2 / 3, 2)],
)
def test_a_run_counts_as_far_as_it_lies_in_the_clip(
    span: tuple[int, int], share: float, longest: float
) -> None:
    assert ask("still_share", STILL, span).value == pytest.approx(share)
    assert ask("longest_still_seconds", STILL, span).value == pytest.approx(longest)


def test_what_begins_just_before_a_clip_is_a_run_by_its_whole_length() -> None:
    """0.3 s of it are in the clip, which alone would be no run."""
    track = moving((3.3, 4.3))
    assert ask("still_share", track, (4, 7)).value == pytest.approx(0.1)


def test_a_track_is_asked_at_the_times_of_its_clock() -> None:
    late = Clock(offset_seconds=Fraction(2))
    assert ask("still_share", STILL, (1, 4), late).value == pytest.approx(1)
    series = told_series(resolve_told("sidecar.arm.still_seconds", StillSpec()), STILL, late)
    assert series is not None
    (first, *_) = np.flatnonzero(series.values > 0)
    assert float(series.time(int(first))) == pytest.approx(1.0)


def test_a_skeleton_stands_still_too() -> None:
    still = STILL.series
    body = MotionTrack(
        ticks=still.ticks,
        time_base=still.time_base,
        skeleton=Skeleton(joints=("hip", "head"), parents=(-1, 0)),
        positions=np.repeat(still.values[:, None], 2, axis=1).astype(np.float32).repeat(3, 2),
    )
    assert ask("still_share", body, (0, 10)).value == pytest.approx(0.3)


def flag(*values: float) -> NumberTrack:
    """One value every 4 seconds, which holds."""
    ticks = np.arange(len(values)) * 4
    series = Series(ticks, Fraction(1), np.array(values, np.float64)[:, None])
    return NumberTrack(series=series, between=(Between.hold,))


def test_a_value_holds_until_the_next() -> None:
    assert ask("success.value.min", flag(1, 0, 1), (1, 3)) == Signal(1.0)
    assert ask("success.value.min", flag(1, 0, 1), (1, 5)) == Signal(0.0)
    assert ask("success.value.min", flag(1, 0, 1), (4, 8)) == Signal(0.0)
    assert ask("success.value.max", flag(1, 0, 1), (4, 8)) == Signal(0.0)


@pytest.mark.parametrize(
    ("what", "track", "span", "absent"),
    [
        ("still_share", None, (0, 1), "no-track"),
        ("still_share", TextTrack(cues=()), (0, 1), "no-numbers"),
        ("still_share", STILL, (20, 22), "no-samples"),
        ("value.min", NumberTrack(series=Series(np.arange(2), Fraction(1), np.ones((2, 2)))), (0, 1), "no-numbers"),
        ("value.min", STILL, (20, 22), "no-samples"),
        ("value.min", flag(), (0, 1), "no-samples"),
        ("value.min", flag(np.nan), (0, 1), "no-value"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_has_a_reason(
    what: str, track: Track | None, span: tuple[int, int], absent: str
) -> None:
    assert ask(what, track, span).absent == absent


# --- fields of a track


class Told:
    """One file beside a video, with several tracks."""

    def __init__(self, tracks: dict[str, Track], cuts: tuple[Fraction, ...] = ()) -> None:
        self._tracks = tracks
        self.cuts = cuts

    def untold(self, _roles: object) -> frozenset[str]:
        return frozenset()

    def track(self, _role: str, name: str) -> Track | None:
        return self._tracks.get(name)

    def clock(self, _role: str) -> Clock:
        return OWN


def state(*fields: str) -> NumberTrack:
    values = np.arange(30.0).reshape(10, 3)
    return NumberTrack(
        series=Series(np.arange(10), Fraction(1), values),
        fields=fields,
        between=(Between.linear, Between.linear, Between.hold),
    )


@pytest.mark.parametrize(
    ("what", "first"),
    [
        ("state.gripper.value", 2),
        ("state.2.value", 2),
        ("state.arm.x.value", 0),
        ("grip.value", 7),
    ],
)
def test_a_field_of_a_track_is_asked_by_its_name_or_place(what: str, first: float) -> None:
    alone = NumberTrack(series=Series(np.arange(3), Fraction(1), np.full(3, 7.0)))
    known = Told({"state": state("arm.x", "y", "gripper"), "grip": alone})
    series = known_series(resolve_told(f"sidecar.arm.{what}", StillSpec()), known)  # type: ignore[arg-type]
    assert series is not None
    assert series.values[0] == first


@pytest.mark.parametrize(
    "what", ["state.value", "state.elbow.value", "state.3.value", "log.x.value"]
)
def test_what_a_track_does_not_have_says_nothing(what: str) -> None:
    known = Told({"state": state("arm.x", "y", "gripper")})
    operand = resolve_told(f"sidecar.arm.{what}", StillSpec())
    assert known_series(operand, known) is None  # type: ignore[arg-type]


def test_the_next_rest_is_no_farther_than_the_end_of_the_episode() -> None:
    operand = resolve_told("sidecar.arm.state.rest_ahead_seconds", StillSpec())
    known = Told({"state": moving((6.0, 8.0))}, cuts=(Fraction(3),))
    series = known_series(operand, known)  # type: ignore[arg-type]
    assert series is not None
    at = {float(series.time(k)): float(series.values[k]) for k in range(len(series))}
    assert [at[t] for t in (1.0, 2.5, 3.0, 5.0, 7.0)] == pytest.approx([2, 0.5, 3, 1, 0])
