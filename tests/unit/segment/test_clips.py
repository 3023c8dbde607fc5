"""Laws of clip finding, on any frame times, shots and conditions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.model.clip import Shot, Transition
from curator.model.series import Series
from curator.model.signal import Support
from curator.model.span import Span, intersection, subtract, total_seconds, union
from curator.model.video import FrameTable
from curator.segment.clips import Segmentation, candidates, holds, reach, stretches

TB = Fraction(1, 100)


def table_of(lengths: list[int]) -> FrameTable:
    ends = np.cumsum(lengths)
    ticks = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    n = len(lengths)
    return FrameTable(ticks, np.zeros(n, np.bool_), np.ones(n, np.int64), TB, int(ends[-1]))


def steady(n: int) -> FrameTable:
    return table_of([4] * n)  # 25 fps


def shot_of(table: FrameTable, first: int, last: int, clean: tuple[int, int] | None) -> Shot:
    return Shot(
        span=Span(table.time(first), table.time(last)),
        clean=None if clean is None else Span(table.time(clean[0]), table.time(clean[1])),
        start_frame=first,
        end_frame=last,
        transition=Transition.start if first == 0 else Transition.cut,
    )


def whole(table: FrameTable) -> tuple[Shot, ...]:
    return (shot_of(table, 0, len(table), (0, len(table))),)


def span(start: str, end: str) -> Span:
    return Span(Fraction(start), Fraction(end))


def find(table: FrameTable, shots: tuple[Shot, ...], conditions, **rules: str) -> Segmentation:
    bounds = {"trim": "0", "forgive": "0", "min_seconds": "0.5", "max_seconds": "100"} | rules
    return stretches(shots, conditions, table, **{k: Fraction(v) for k, v in bounds.items()})


# --- any case


@dataclass(frozen=True)
class Case:
    table: FrameTable
    shots: tuple[Shot, ...]
    conditions: tuple[tuple[str, tuple[Span, ...]], ...]
    rules: dict[str, Fraction]


hundredths = st.integers(0, 60).map(lambda n: Fraction(n, 30))


@st.composite
def some_spans(draw: st.DrawFn, end: Fraction) -> tuple[Span, ...]:
    parts = st.integers(0, 200)  # frame times are hundredths: some marks meet them, most do not
    marks = [end * n / 200 for n in sorted(draw(st.lists(parts, max_size=8, unique=True)))]
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    return tuple(Span(a, b) for a, b in pairs)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    table = table_of(draw(st.lists(st.sampled_from([3, 4, 4, 4, 10, 60]), min_size=1, max_size=80)))
    n = len(table)
    cuts = sorted(draw(st.sets(st.integers(1, n), max_size=4)) - {n})
    shots = []
    for first, last in pairwise([0, *cuts, n]):
        inner = sorted(draw(st.tuples(st.integers(first, last), st.integers(first, last))))
        clean = draw(st.sampled_from([(first, last), (first, last), tuple(inner)]))
        shots.append(shot_of(table, first, last, clean if clean[0] < clean[1] else None))
    names = draw(st.lists(st.sampled_from("abc"), max_size=3, unique=True))
    conditions = tuple((name, draw(some_spans(table.time(n)))) for name in names)
    shortest = draw(hundredths)
    rules = {
        "trim": draw(hundredths) / 4,
        "forgive": draw(hundredths) / 4,
        "min_seconds": shortest,
        "max_seconds": shortest + draw(hundredths) + Fraction(1, 7),
    }
    return Case(table, tuple(shots), conditions, rules)


def run(case: Case, conditions: object = None, **rules: Fraction) -> Segmentation:
    wanted = case.conditions if conditions is None else conditions
    return stretches(case.shots, wanted, case.table, **(case.rules | rules))


@given(cases())
def test_clips_and_rest_tile_the_video(case: Case) -> None:
    found = run(case)
    spans = sorted([*found.clips, *(one for one, _ in found.rest)])
    assert spans[0].start == 0
    assert spans[-1].end == case.table.time(len(case.table))
    assert all(a.end == b.start for a, b in pairwise(spans))


@given(cases())
def test_clips_begin_and_end_at_frame_times_and_keep_the_length_rules(case: Case) -> None:
    times = {case.table.time(i) for i in range(len(case.table) + 1)}
    for clip in run(case).clips:
        assert {clip.start, clip.end} <= times
        assert case.rules["min_seconds"] <= clip.seconds <= case.rules["max_seconds"]


@given(cases())
def test_a_clip_lies_in_the_trimmed_clean_part_of_one_shot(case: Case) -> None:
    trim = case.rules["trim"]
    for clip in run(case).clips:
        assert any(
            shot.clean is not None
            and shot.clean.start + trim <= clip.start
            and clip.end <= shot.clean.end - trim
            for shot in case.shots
        )


@given(cases())
def test_without_forgiveness_every_condition_holds_at_every_instant(case: Case) -> None:
    clips = run(case, forgive=Fraction(0)).clips
    for _, spans in case.conditions:
        assert not subtract(clips, spans)


@given(cases())
def test_a_clip_holds_at_both_ends_and_fails_nowhere_longer_than_forgiven(case: Case) -> None:
    everything = case.rules | {"min_seconds": Fraction(0), "max_seconds": Fraction(10**6)}
    every = (Span(Fraction(0), case.table.time(len(case.table))),)
    good = every
    for _, spans in case.conditions:
        good = intersection(good, spans)
    good_frames = union(
        one
        for i in range(len(case.table))
        if not subtract((one := Span(case.table.time(i), case.table.time(i + 1)),), good)
    )
    for clip in run(case, **everything).clips:
        failing = subtract((clip,), good_frames)
        assert all(clip.start < one.start and one.end < clip.end for one in failing)
        assert all(one.seconds <= case.rules["forgive"] for one in failing)


@given(cases(), st.data())
def test_a_stricter_condition_never_adds_footage_before_the_length_rules(
    case: Case, data: st.DataObject
) -> None:
    end = case.table.time(len(case.table))
    stricter = tuple(
        (name, intersection(spans, data.draw(some_spans(end)))) for name, spans in case.conditions
    )
    free = {"min_seconds": Fraction(0), "max_seconds": Fraction(10**6)}
    assert not subtract(run(case, stricter, **free).clips, run(case, **free).clips)


@settings(max_examples=300)
@given(cases(), st.data())
def test_candidates_cover_every_clip_that_further_conditions_leave(
    case: Case, data: st.DataObject
) -> None:
    known = [one for one in case.conditions if data.draw(st.booleans())]
    spans = candidates(case.shots, known, case.table, **case.rules)
    assert not subtract(run(case).clips, spans)
    assert total_seconds(spans) == sum(one.seconds for one in spans), "candidates overlap"


@given(cases())
def test_every_reason_is_a_known_slug(case: Case) -> None:
    known = {"transition", "trim", "too-short", "too-long"}
    known |= {f"where.{name}" for name, _ in case.conditions}
    assert {reason for _, reason in run(case).rest} <= known


# --- worked examples


def test_a_gap_is_forgiven_between_two_stretches_and_not_at_the_ends() -> None:
    table = steady(100)
    seen = (span("0.2", "1"), span("1.2", "3"))
    found = find(table, whole(table), [("face", seen)], forgive="0.2")
    assert found.clips == (span("0.2", "3"),)
    assert found.rest == ((span("0", "0.2"), "where.face"), (span("3", "4"), "where.face"))


def test_a_longer_gap_is_blamed_on_the_condition_that_fails_longest() -> None:
    table = steady(100)
    conditions = [
        ("a", (span("0", "1"), span("1.2", "4"))),
        ("b", (span("0", "1"), span("1.6", "4"))),
    ]
    found = find(table, whole(table), conditions, forgive="0.4")
    assert found.rest == ((span("1", "1.6"), "where.b"),)


def test_of_two_conditions_that_fail_together_the_first_is_blamed() -> None:
    table = steady(50)
    found = find(table, whole(table), [("b", ()), ("a", ())])
    assert found.rest == ((span("0", "2"), "where.b"),)


def test_a_gap_over_a_cut_is_never_forgiven() -> None:
    table = steady(100)
    shots = (shot_of(table, 0, 50, (0, 50)), shot_of(table, 50, 100, (50, 100)))
    found = find(table, shots, [("a", (span("0", "1.9"), span("2.1", "4")))], forgive="1")
    assert found.clips == (span("0", "1.88"), span("2.12", "4"))


def test_transitions_and_trimmed_ends_are_left_out() -> None:
    table = steady(100)
    shots = (shot_of(table, 0, 50, (0, 45)), shot_of(table, 50, 100, (55, 100)))
    found = find(table, shots, [], trim="0.2")
    assert found.clips == (span("0.2", "1.6"), span("2.4", "3.8"))
    assert [(str(one), reason) for one, reason in found.rest] == [
        ("[0.000, 0.200)", "trim"),
        ("[1.600, 1.800)", "trim"),
        ("[1.800, 2.000)", "transition"),
        ("[2.000, 2.200)", "transition"),
        ("[2.200, 2.400)", "trim"),
        ("[3.800, 4.000)", "trim"),
    ]


def test_a_long_stretch_is_cut_into_the_fewest_equal_parts() -> None:
    table = steady(250)
    found = find(table, whole(table), [], max_seconds="4")
    assert [clip.seconds for clip in found.clips] == [
        Fraction("3.32"),
        Fraction("3.32"),
        Fraction("3.36"),
    ]
    assert found.rest == ()


def test_full_parts_are_taken_where_equal_ones_would_be_too_short() -> None:
    table = steady(100)
    found = find(table, whole(table), [], min_seconds="2.8", max_seconds="3")
    assert found.clips == (span("0", "3"),)
    assert found.rest == ((span("3", "4"), "too-short"),)


def test_a_frame_shown_for_longer_than_the_longest_clip_stands_alone() -> None:
    table = table_of([4] * 25 + [500] + [4] * 25)
    found = find(table, whole(table), [], max_seconds="2")
    assert found.clips == (span("0", "1"), span("6", "7"))
    assert found.rest == ((span("1", "6"), "too-long"),)


def test_variable_frame_times_are_exact() -> None:
    table = table_of([3, 7, 50, 3, 3, 40, 4, 4])
    found = find(table, whole(table), [("a", (span("0.02", "1.1"),))], min_seconds="0.1")
    # The frame at 0.00 is half outside; the one at 0.66 ends at 1.06, the next at 1.10.
    assert found.clips == (span("0.03", "1.1"),)


# --- holds


def series(values: list[float], every: int = 10) -> Series:
    ticks = np.arange(len(values), dtype=np.int64) * every
    return Series(ticks, TB, np.array(values, dtype=np.float32))


NAN = float("nan")


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"low": 2.0}, [("0.1", "0.2"), ("0.3", "0.5")]),
        ({"high": 1.0}, [("0", "0.1")]),
        ({"equals": 3.0}, [("0.1", "0.2")]),
        ({"low": 2.0, "absent_keeps": True}, [("0.1", "0.5")]),
        ({}, [("0", "0.2"), ("0.3", "0.5")]),
    ],
)
def test_a_value_holds_until_the_next_sample(bounds, expected) -> None:
    everywhere = [span("0", "0.5")]
    found = holds(series([1, 3, NAN, 2, 2]), everywhere, everywhere, **bounds)
    assert found == tuple(span(a, b) for a, b in expected)


def test_a_value_never_crosses_a_cut() -> None:
    pieces = [span("0", "0.25"), span("0.25", "0.5")]
    found = holds(series([1, 1, 1, 0, 0]), pieces, [span("0", "0.5")], low=1.0)
    assert found == (span("0", "0.25"),)


def test_a_pair_value_that_compares_across_the_cut_is_left_out() -> None:
    pieces = [span("0.2", "0.5")]
    moving = series([0, 0, 9, 1, 1])
    everywhere = [span("0", "0.5")]
    assert holds(moving, pieces, everywhere, high=2.0) == (span("0.3", "0.5"),)
    assert holds(moving, pieces, everywhere, high=2.0, support=Support.pair) == tuple(pieces)


def test_a_piece_without_a_sample_has_no_value() -> None:
    pieces, everywhere = [span("0.11", "0.19")], [span("0", "0.5")]
    assert holds(series([1] * 5), pieces, everywhere) == ()
    assert holds(series([1] * 5), pieces, everywhere, absent_keeps=True) == tuple(pieces)


def test_nothing_holds_where_nothing_was_measured() -> None:
    found = holds(series([1] * 5), [span("0", "0.5")], [span("0.2", "0.3")], low=1.0)
    assert found == (span("0.2", "0.3"),)


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=1, max_size=40),
    st.integers(1, 9),
    st.sampled_from(list(Support)),
    st.data(),
)
def test_measuring_what_reach_says_decides_as_measuring_everything(
    values: list[float], every: int, support: Support, data: st.DataObject
) -> None:
    end = Fraction(len(values) * every, 100)
    cuts = sorted(data.draw(st.sets(st.integers(1, 99), max_size=3)))
    pieces = [Span(end * a / 100, end * b / 100) for a, b in pairwise([0, *cuts, 100])]
    wanted = data.draw(some_spans(end))
    full = series(values, every)
    everything = holds(full, pieces, [Span(Fraction(0), end)], low=1.0, support=support)
    # Tiles of a quarter second stand for the engine's tiles of four.
    tiles = {
        Span(Fraction(k, 4), Fraction(k + 1, 4))
        for one in reach(wanted, pieces, full.ticks, TB, support=support)
        for k in range(int(one.start * 4), -int(-one.end * 4 // 1))
    }
    kept = [i for i in range(len(full)) if any(full.time(i) in tile for tile in tiles)]
    part = Series(full.ticks[kept], TB, full.values[kept])
    inside = intersection(wanted, pieces)
    found = holds(part, pieces, tiles, low=1.0, support=support)
    assert intersection(found, inside) == intersection(everything, inside)
