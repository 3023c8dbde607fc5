from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.align.between import Curve
from curator.align.resample import Resampling, on_clip
from curator.align.words import Partial
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import Between, Cue, MotionTrack, NumberTrack, Skeleton, TextTrack

F = Fraction
MS = F(1, 1000)


def numbers(ticks: list[int], values: Any, *between: Between, base: Fraction = MS) -> NumberTrack:
    return NumberTrack(
        series=Series(np.array(ticks, np.int64), base, np.array(values, np.float64)),
        between=between or (Between.linear,),
    )


def motion(ticks: list[int], places: Any, turns: Any = None, base: Fraction = MS) -> MotionTrack:
    return MotionTrack(
        ticks=np.array(ticks, np.int64),
        time_base=base,
        skeleton=Skeleton(joints=("hip",), parents=(-1,)),
        positions=np.array(places, np.float32).reshape(len(ticks), 1, 3),
        rotations=None if turns is None else np.array(turns, np.float32).reshape(-1, 1, 4),
    )


increasing = st.lists(st.integers(1, 400), min_size=2, max_size=30).map(
    lambda steps: np.cumsum([0, *steps]).tolist()
)
clocks = st.builds(
    Clock,
    offset_seconds=st.fractions(-2, 2, max_denominator=1000),
    rate=st.sampled_from([F(1), F(1001, 1000), F(999, 1000), F(30000, 30001)]),
)
starts = st.fractions(0, 3, max_denominator=30000)
lengths = st.fractions(F(1, 10), 5, max_denominator=1001)


class TestKeptSamples:
    @given(increasing, clocks, starts, lengths)
    def test_times_are_exact_and_inside(
        self, ticks: list[int], clock: Clock, start: Fraction, length: Fraction
    ) -> None:
        span = Span(start, start + length)
        track = numbers(ticks, range(len(ticks)))
        kept = on_clip(track, clock, span).series
        truth = {v: clock.on_video(tick * MS) - start for v, tick in enumerate(ticks)}
        assert {int(v): kept.time(k) for k, v in enumerate(kept.values)} == {
            v: t for v, t in truth.items() if 0 <= t < length
        }

    @given(increasing, clocks, starts, lengths)
    def test_a_clip_of_a_clip_is_that_clip(
        self, ticks: list[int], clock: Clock, start: Fraction, length: Fraction
    ) -> None:
        span = Span(start, start + length)
        inner = Span(length / 4, length / 2)
        track = numbers(ticks, range(len(ticks)))
        twice = on_clip(on_clip(track, clock, span), Clock(), inner).series
        once = on_clip(track, clock, Span(start + inner.start, start + inner.end)).series
        assert [twice.time(k) for k in range(len(twice))] == [
            once.time(k) for k in range(len(once))
        ]
        assert np.array_equal(twice.values, once.values)

    @given(increasing, st.floats(-2, 2), st.floats(0.99, 1.01), starts)
    def test_a_measured_clock_that_no_integer_holds_is_exact_to_a_picosecond(
        self, ticks: list[int], offset: float, rate: float, start: Fraction
    ) -> None:
        clock = Clock(offset_seconds=F(offset), rate=F(rate))
        span = Span(start, start + 10)
        kept = on_clip(numbers(ticks, range(len(ticks))), clock, span).series
        for index, value in enumerate(kept.values):
            truth = clock.on_video(ticks[int(value)] * MS) - start
            assert abs(kept.time(index) - truth) <= F(1, 10**12)

    def test_the_whole_track_by_its_own_clock_is_the_track(self) -> None:
        track = numbers([0, 40, 80], [[1, 2], [3, 4], [5, 6]])
        kept = on_clip(track, Clock(), Span(F(0), F(1)))
        assert kept.series.values.tolist() == track.series.values.tolist()
        assert [kept.series.time(k) for k in range(3)] == [F(0), F(1, 25), F(2, 25)]

    def test_joints_and_rotations_stay_together(self) -> None:
        track = motion([0, 10, 20], [[0, 0, 0], [1, 1, 1], [2, 2, 2]], [[1, 0, 0, 0]] * 3)
        kept = on_clip(track, Clock(), Span(F(1, 100), F(2, 100)))
        assert kept.positions[:, 0, 0].tolist() == [1.0]
        assert kept.rotations is not None
        assert kept.rotations.shape == (1, 1, 4)


class TestNumbers:
    @given(st.sampled_from([F(30000, 1001), F(24), F(25), F(60000, 1001), F(7, 3)]), lengths)
    def test_a_rate_is_exact(self, fps: Fraction, length: Fraction) -> None:
        track = numbers([0, 10_000], [0, 1])
        found = on_clip(track, Clock(), Span(F(0), length), fps=fps).series
        assert [found.time(k) for k in range(len(found))] == [k / fps for k in range(len(found))]
        assert (len(found) - 1) / fps < length <= len(found) / fps

    @given(increasing, clocks, st.sampled_from(list(Between)[:2]), st.data())
    def test_at_its_own_times_a_track_has_its_own_values(
        self, ticks: list[int], clock: Clock, between: Between, data: Any
    ) -> None:
        values = data.draw(st.lists(st.floats(-1e6, 1e6), min_size=len(ticks), max_size=len(ticks)))
        track = numbers(ticks, values, between)
        start = clock.on_video(F(0)) - 1
        own = [clock.on_video(tick * MS) - start for tick in ticks]
        # A bound shorter than every step: samples are there all the same.
        how = Resampling(max_gap_seconds=F(1, 10**6))
        found = on_clip(track, clock, Span(start, start + 1000), times=own, how=how)
        assert found.series.values.tolist() == values

    @given(increasing, lengths)
    def test_lines_rise_where_the_samples_rise(self, ticks: list[int], length: Fraction) -> None:
        track = numbers(ticks, np.cumsum(np.arange(len(ticks))))
        how = Resampling(max_gap_seconds=F(10))
        span = Span(F(0), length)
        found = on_clip(track, Clock(), span, fps=F(240), how=how).series.values
        there = found[np.isfinite(found)]
        assert np.all(np.diff(there) >= 0)

    @given(increasing, st.integers(1, 300), clocks)
    def test_nothing_lies_across_a_gap_or_beyond_the_ends(
        self, ticks: list[int], bound: int, clock: Clock
    ) -> None:
        track = numbers(ticks, range(len(ticks)))
        how = Resampling(max_gap_seconds=bound * MS)
        span = Span(F(0), F(4))
        found = on_clip(track, clock, span, fps=F(100), how=how).series
        edge = F(1, 1000) + F(1, 10**9)
        for k, value in enumerate(found.values):
            at = clock.on_track(found.time(k))
            around = [
                b - a <= bound * clock.rate for a, b in pairwise(ticks) if a * MS <= at <= b * MS
            ]
            near = min(abs(at - tick * MS) for tick in ticks)
            if any(around):
                assert np.isfinite(value)
            elif near > edge:
                assert np.isnan(value)

    def test_what_is_held_changes_at_the_sample(self) -> None:
        track = numbers([0, 100, 200], [1, 2, 3], Between.hold)
        times = [F(0), F(99, 1000) - F(1, 500), F(1, 10), F(15, 100), F(2, 10), F(3, 10)]
        found = on_clip(track, Clock(), Span(F(0), F(1)), times=times).series.values
        assert found.tolist()[:5] == [1, 1, 2, 2, 3]
        assert np.isnan(found[5])

    def test_a_time_stamp_rounded_up_does_not_hold_the_value_of_the_frame_before(self) -> None:
        """At 30 fps float32 and milliseconds round to either side of the frame's own time."""
        fps = F(30)
        for ticks in (
            [round(k * 1000 / 30) for k in range(60)],
            [-(-k * 1000 // 30) for k in range(60)],
        ):
            track = numbers(ticks, range(60), Between.hold)
            found = on_clip(track, Clock(), Span(F(0), F(2)), fps=fps).series.values
            assert found.tolist() == list(range(60))

    def test_fields_have_their_own_between(self) -> None:
        half = np.sqrt(0.5)
        values = [[0, 0, 1, 0, 0, 0], [1, 10, half, half, 0, 0]]
        track = numbers([0, 100], values, Between.hold, Between.linear, *[Between.slerp] * 4)
        (found,) = on_clip(track, Clock(), Span(F(0), F(1)), times=[F(1, 20)]).series.values
        assert found[:2].tolist() == [0, 5]
        assert found[2:] == pytest.approx([np.cos(np.pi / 8), np.sin(np.pi / 8), 0, 0])

    def test_a_missing_number_is_bridged_within_the_bound_and_alone(self) -> None:
        nan = np.nan
        track = numbers([0, 10, 20, 30, 40], [[0, 0], [1, nan], [2, nan], [3, nan], [4, 4]])
        how = Resampling(max_gap_seconds=F(30, 1000))
        found = on_clip(track, Clock(), Span(F(0), F(1)), times=[F(20, 1000)], how=how)
        assert found.series.values[0, 0] == 2
        assert np.isnan(found.series.values[0, 1])
        wide = Resampling(max_gap_seconds=F(40, 1000))
        found = on_clip(track, Clock(), Span(F(0), F(1)), times=[F(20, 1000)], how=wide)
        assert found.series.values.tolist() == [[2, 2]]

    @pytest.mark.parametrize("count", [0, 1])
    def test_a_track_of_no_or_one_sample_has_a_value_there_alone(self, count: int) -> None:
        track = numbers([500][:count], np.ones((count, 2)))
        times = [F(1, 4), F(1, 2), F(3, 4)]
        found = on_clip(track, Clock(), Span(F(0), F(1)), times=times).series.values
        assert np.isfinite(found[:, 0]).tolist() == [False, bool(count), False]

    def test_the_kind_of_number_stays(self) -> None:
        series = Series(np.array([0, 1]), F(1), np.zeros((2, 2, 3), np.float32))
        found = on_clip(NumberTrack(series=series), Clock(), Span(F(0), F(1)), fps=F(4)).series
        assert found.values.dtype == np.float32
        assert found.values.shape == (4, 2, 3)

    def test_half_a_quaternion_is_refused(self) -> None:
        track = numbers([0, 1], [[0.0] * 4] * 2, *[Between.slerp] * 2, *[Between.linear] * 2)
        with pytest.raises(ValueError, match="four"):
            on_clip(track, Clock(), Span(F(0), F(1)), fps=F(1))

    def test_a_rate_and_instants_at_once_are_refused(self) -> None:
        with pytest.raises(ValueError, match="not both"):
            on_clip(numbers([0], [0]), Clock(), Span(F(0), F(1)), fps=F(1), times=[F(0)])

    def test_a_late_track_is_moved_back(self) -> None:
        """What happens at 2.0 s of the video has the time stamp 2.5 s."""
        track = numbers([2400, 2500, 2600], [0, 1, 0])
        found = on_clip(track, Clock(offset_seconds=F(1, 2)), Span(F(2), F(3)), times=[F(0)])
        assert found.series.values.tolist() == [1]


quaternions = st.lists(
    st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: sum(x * x for x in q) > 0.01),
    min_size=2,
    max_size=12,
)


class TestMotion:
    @given(quaternions)
    def test_rotations_are_unit_and_do_not_change_sign_suddenly(self, turns: list[Any]) -> None:
        unit = [np.array(q) / np.linalg.norm(q) for q in turns]
        ticks = [100 * k for k in range(len(unit))]
        track = motion(ticks, np.zeros((len(unit), 3)), unit)
        span = Span(F(0), F(2))
        found = on_clip(track, Clock(), span, fps=F(1000)).rotations
        assert found is not None
        there = found[np.isfinite(found[:, 0, 0]), 0]
        assert np.linalg.norm(there, axis=1) == pytest.approx(1, abs=1e-5)
        assert np.all(np.sum(there[:-1] * there[1:], axis=1) > -1e-5)
        for k, q in zip(ticks, unit, strict=True):
            assert abs(np.dot(found[k, 0], q)) == pytest.approx(1, abs=1e-5)

    def test_a_turn_is_even(self) -> None:
        half = np.sqrt(0.5)
        track = motion([0, 100], np.zeros((2, 3)), [[1, 0, 0, 0], [-half, -half, 0, 0]])
        found = on_clip(track, Clock(), Span(F(0), F(1, 10)), fps=F(100)).rotations
        assert found is not None
        angles = 2 * np.arctan2(found[:, 0, 1], found[:, 0, 0])
        assert angles == pytest.approx(np.linspace(0, np.pi / 2, 11)[:10], abs=1e-6)

    @given(increasing, st.data())
    def test_smooth_curves_stay_between_their_samples(self, ticks: list[int], data: Any) -> None:
        values = data.draw(
            st.lists(st.floats(-10, 10, width=32), min_size=len(ticks), max_size=len(ticks))
        )
        track = motion(ticks, [[v, 0, 0] for v in values])
        how = Resampling(positions=Curve.pchip, max_gap_seconds=F(10))
        span = Span(F(0), (ticks[-1] + 1) * MS)
        found = on_clip(track, Clock(), span, fps=F(1000), how=how).positions[:, 0, 0]
        for (a, u), (b, v) in pairwise(zip(ticks, values, strict=True)):
            assert found[a] == u
            part = found[a : b + 1]
            assert min(u, v) - 1e-5 <= part.min() <= part.max() <= max(u, v) + 1e-5
            rising = np.diff(part) * np.sign(v - u)
            assert np.all(rising >= -1e-5)

    def test_smooth_curves_are_nearer_to_a_swing_than_lines(self) -> None:
        ticks = list(range(0, 2001, 100))
        truth = np.sin(np.arange(0, 2, 0.01) * 3)
        errors = {}
        for curve in (Curve.linear, Curve.pchip):
            track = motion(ticks, [[np.sin(t / 1000 * 3), 0, 0] for t in ticks])
            how = Resampling(positions=curve)
            found = on_clip(track, Clock(), Span(F(0), F(2)), fps=F(100), how=how)
            errors[curve] = np.abs(found.positions[:, 0, 0] - truth).max()
        assert errors[Curve.pchip] < errors[Curve.linear] < 0.02

    def test_no_curve_lies_across_a_gap(self) -> None:
        ticks = [0, 10, 20, 30, 500, 510, 520, 530]
        places = [[k, 2 * k, 0] for k in range(8)]
        for curve in Curve:
            track = motion(ticks, places, [[1, 0, 0, 0]] * 8)
            how = Resampling(positions=curve, max_gap_seconds=F(1, 10))
            found = on_clip(track, Clock(), Span(F(0), F(6, 10)), fps=F(1000), how=how)
            there = np.flatnonzero(np.isfinite(found.positions[:, 0, 0]))
            assert set(there) - {499, 531, 31} == {*range(31), *range(500, 531)}
            assert found.rotations is not None
            assert set(np.flatnonzero(np.isfinite(found.rotations[:, 0, 0]))) == set(there)
            assert found.positions[500, 0, 0] == 4

    def test_a_joint_that_is_half_seen_has_no_place(self) -> None:
        track = motion([0, 10, 20], [[0, 0, 0], [1, np.nan, 1], [2, 2, 2]])
        how = Resampling(max_gap_seconds=F(1, 100))
        found = on_clip(track, Clock(), Span(F(0), F(1)), times=[F(1, 100)], how=how)
        assert np.isnan(found.positions).all()


def cue(start: float, end: float, text: str, *words: Cue) -> Cue:
    return Cue(span=Span(F(str(start)), F(str(end))), text=text, words=words)


def spoken(start: float, text: str, step: float = 0.5) -> Cue:
    words = [
        cue(start + k * step, start + (k + 1) * step, word.strip(".,!"))
        for k, word in enumerate(text.split())
    ]
    return cue(start, start + len(words) * step, text, *words)


class TestText:
    track = TextTrack(cues=(spoken(1.0, "Hello there, my friend."), cue(4.0, 6.0, "Goodbye.")))

    def test_a_sentence_is_cut_between_words_and_keeps_its_stops(self) -> None:
        found = on_clip(self.track, Clock(), Span(F(0), F("2.2")))
        (one,) = found.cues
        assert one.text == "Hello there,"
        assert [word.text for word in one.words] == ["Hello", "there"]
        assert one.span == Span(F(1), F("2.2"))
        (rest,) = on_clip(self.track, Clock(), Span(F("2.2"), F("4.5"))).cues
        assert rest.text == "my friend."
        assert rest.span == Span(F(0), F("0.8"))
        assert rest.words[0].span == Span(F(0), F("0.3"))

    @given(st.lists(st.fractions(0, 7, max_denominator=50), unique=True, max_size=6))
    def test_clips_that_meet_share_out_every_word_once(self, cuts: list[Fraction]) -> None:
        instants = [F(0), *sorted(cut for cut in cuts if cut > 0), F(8)]
        said = []
        for start, end in pairwise(instants):
            for one in on_clip(self.track, Clock(), Span(start, end)).cues:
                said += one.text.split()
                assert 0 <= one.span.start < one.span.end <= end - start
        assert said == ["Hello", "there,", "my", "friend.", "Goodbye."]

    @pytest.mark.parametrize(
        ("partial", "expected"),
        [(Partial.middle, []), (Partial.overlap, ["Goodbye."]), (Partial.inside, [])],
    )
    def test_a_note_may_count_for_every_clip_that_has_a_part_of_it(
        self, partial: Partial, expected: list[str]
    ) -> None:
        found = on_clip(self.track, Clock(), Span(F("5.5"), F(8)), how=Resampling(partial=partial))
        assert [one.text for one in found.cues] == expected

    def test_text_in_other_words_is_joined_from_the_words(self) -> None:
        words = [cue(0, 1, "twenty"), cue(1, 2, "three")]
        track = TextTrack(cues=(cue(0, 2, "23", *words),), language="en")
        found = on_clip(track, Clock(), Span(F(0), F(1)))
        assert (found.cues[0].text, found.language) == ("twenty", "en")

    def test_a_late_transcript_is_moved_and_has_no_rate(self) -> None:
        found = on_clip(self.track, Clock(offset_seconds=F(1)), Span(F(3), F(6)))
        assert found.cues[0].span == Span(F(0), F(2))
        with pytest.raises(ValueError, match="no rate"):
            on_clip(self.track, Clock(), Span(F(0), F(1)), fps=F(25))
