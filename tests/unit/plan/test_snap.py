"""Clips of made-up stretches, snapped to made-up speech and a made-up transcript."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction as F  # noqa: N817 - instants are easier to read
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curator.errors import RecipeErrors
from curator.model.clip import Shot, Transition
from curator.model.series import Series
from curator.model.span import Span, total_seconds, union
from curator.model.sync import Clock
from curator.model.track import Cue, NumberTrack, TextTrack, Track
from curator.model.video import FrameTable
from curator.plan.logical import LogicalPlan, Node, compile_plan
from curator.plan.snap import snap_clips
from curator.segment.clips import Segmentation, stretches
from curator.spec.compile import compile_recipe

FPS = 25
SECONDS = 40


class Heard:
    """What is known of one video: when somebody speaks, and the transcript."""

    def __init__(
        self,
        voiced: Iterable[tuple[float, float]],
        text: Track | None = None,
        clock: Clock | None = None,
    ) -> None:
        times = np.arange(SECONDS * 50) / 50
        self._speech = np.zeros(len(times), np.float32)
        for start, end in voiced:
            self._speech[(times >= start - 1e-9) & (times < end - 1e-9)] = 1
        self._text = text
        self._clock = clock or Clock()

    def series(self, node: Node) -> Mapping[str, Series]:
        ticks = np.arange(len(self._speech), dtype=np.int64)
        return {"probability": Series(ticks, F(1, 50), self._speech)}

    def track(self, role: str, name: str) -> Track | None:
        return self._text if role == "transcript" else None

    def clock(self, role: str) -> Clock:
        return self._clock


def logical(**snap: Any) -> LogicalPlan:
    recipe = {
        "name": "talks",
        "target": "test",
        "sources": {"a": {"url": "a.mp4", "license": "CC0-1.0"}},
        "segment": {"seconds": {"min": 2, "max": 6}, "snap": {"of": "speech.probability", **snap}},
    }
    return compile_plan(compile_recipe(recipe))


def table() -> FrameTable:
    count = FPS * SECONDS
    return FrameTable(
        ticks=np.arange(count, dtype=np.int64),
        keyframes=np.ones(count, np.bool_),
        sizes=np.ones(count, np.int64),
        time_base=F(1, FPS),
        end_tick=count,
    )


def cut(*spans: tuple[float, float], cuts: Sequence[int] = ()) -> tuple[Segmentation, list[Shot]]:
    """Stretches that passed, divided where they are longer than a clip may be."""
    edges = [0, *cuts, SECONDS]
    shots = [
        Shot(
            span=Span(F(a), F(b)),
            clean=Span(F(a), F(b)),
            start_frame=a * FPS,
            end_frame=b * FPS,
            transition=Transition.cut,
        )
        for a, b in pairwise(edges)
    ]
    passed = [Span(F(str(a)), F(str(b))) for a, b in spans]
    found = stretches(
        shots,
        [("ok", passed)],
        table(),
        trim=F(0),
        forgive=F(0),
        min_seconds=F(2),
        max_seconds=F(6),
    )
    return found, shots


def cues(*said: tuple[float, float, str]) -> TextTrack:
    return TextTrack(
        cues=tuple(Cue(span=Span(F(str(a)), F(str(b))), text=text) for a, b, text in said)
    )


def snapped(
    known: Heard, plan: LogicalPlan, *spans: tuple[float, float], cuts: Sequence[int] = ()
) -> list[tuple[float, float, str, str]]:
    found, shots = cut(*spans, cuts=cuts)
    made, ends = snap_clips(plan, found, shots, table(), known)  # type: ignore[arg-type]
    everything = [*made.clips, *(span for span, _ in made.rest)]
    assert union(everything) == (Span(F(0), F(SECONDS)),)
    assert sum(one.seconds for one in everything) == SECONDS
    return [
        (float(c.start), float(c.end), ends[c].start.value, ends[c].end.value) for c in made.clips
    ]


VOICED = [(1, 4.4), (4.8, 9.1), (9.5, 12)]
TEXT = cues((1, 4.6, "To be"), (4.8, 9.3, "or not to be."), (9.5, 12, "That is the question."))


def test_a_transcript_is_preferred_to_pauses() -> None:
    assert snapped(Heard(VOICED), logical(), (4.5, 9.9)) == [(4.6, 9.32, "pause", "pause")]
    found = snapped(Heard(VOICED, TEXT), logical(), (4.5, 9.9))
    assert found == [(4.6, 9.32, "pause", "sentence")]


def test_without_a_transcript_or_with_another_kind_of_track_pauses_count() -> None:
    still = Series(np.arange(3), F(1), np.zeros((3, 1)))
    for known in (Heard(VOICED), Heard(VOICED, NumberTrack(series=still)), Heard(VOICED, cues())):
        assert snapped(known, logical(), (4.5, 9.9)) == [(4.6, 9.32, "pause", "pause")]
    assert logical(text=None).transcript is None
    assert logical().roles == {"transcript"}
    assert logical().told_roles == {"transcript"}


def test_the_transcript_counts_at_the_times_of_its_clock() -> None:
    late = cues((3, 6.6, "To be"), (6.8, 11.3, "or not to be."), (11.5, 14, "The question."))
    known = Heard(VOICED, late, Clock(offset_seconds=F(2)))
    assert snapped(known, logical(), (4.5, 9.9))[0][2:] == ("pause", "sentence")


def test_the_bounds_on_length_hold_whatever_is_said() -> None:
    """Both ends at a sentence would leave 1.9 s."""
    known = Heard([(0, 40)], cues((0, 10.2, "One."), (10.2, 12.1, "Two."), (12.1, 40, "Three.")))
    assert snapped(known, logical(), (10, 12.5)) == [(10.2, 12.48, "sentence", "unmoved")]


def test_no_clip_leaves_the_stretch_that_passed() -> None:
    known = Heard([(2, 5), (6, 9)], cues((2, 5, "One."), (6, 9, "Two.")))
    found = snapped(known, logical(), (5.92, 8.6))
    assert found == [(5.92, 8.6, "sentence", "unmoved")]


def test_parts_of_a_long_stretch_share_an_end_that_moves_both_ways() -> None:
    """12 s are two parts of 6 s; 6.5 s lie between two sentences, so one takes half a second more."""
    known = Heard([(1, 6.4), (6.6, 12)], cues((1, 6.4, "One."), (6.6, 12, "Two.")))
    plan = logical(within_seconds=1)
    found = snapped(known, plan, (1, 11))
    assert found == [(1, 6.52, "sentence", "sentence"), (6.52, 11, "sentence", "unmoved")]


def test_parts_of_two_shots_never_share() -> None:
    known = Heard([(1, 6.4), (6.6, 12)], cues((1, 6.4, "One."), (6.6, 12, "Two.")))
    found = snapped(known, logical(), (1, 11), cuts=[6])
    assert found == [(1, 6, "sentence", "unmoved"), (6.52, 11, "sentence", "unmoved")]


@given(
    st.lists(st.integers(0, SECONDS * 5), max_size=12, unique=True),
    st.lists(st.integers(0, SECONDS * 5), max_size=12, unique=True),
    st.lists(st.integers(0, SECONDS * 5), min_size=2, max_size=8, unique=True),
    st.sampled_from([0.2, 1, 3]),
)
@example([47, 48], [40], [0, 61], 1)  # the first part leaves the second one a start that has moved
def test_whatever_is_said_clips_are_within_their_bounds_and_apart(
    voices: list[int], ends: list[int], passed: list[int], within: float
) -> None:
    marks = sorted(voices)
    voiced = [(a / 5, b / 5) for a, b in zip(marks[::2], marks[1::2], strict=False)]
    stops = sorted({0, *ends})
    text = cues(*((a / 5, b / 5, "Yes.") for a, b in pairwise(stops)))
    edges = sorted(passed)
    spans = [(a / 5, b / 5) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    found, shots = cut(*spans)
    known = Heard(voiced, text)
    plan = logical(within_seconds=within)
    made, _ = snap_clips(plan, found, shots, table(), known)  # type: ignore[arg-type]
    again, _ = snap_clips(plan, found, shots, table(), known)  # type: ignore[arg-type]
    assert made == again
    assert len(made.clips) == len(found.clips)
    assert total_seconds(made.clips) == sum(one.seconds for one in made.clips)
    for clip, before in zip(made.clips, found.clips, strict=True):
        assert 2 <= clip.seconds <= 6
        assert (clip.start * FPS).denominator == (clip.end * FPS).denominator == 1
        assert abs(clip.start - before.start) <= F(str(within)) + F(1, FPS)
        assert abs(clip.end - before.end) <= F(str(within)) + F(1, FPS)
        assert any(clip.start >= a and clip.end <= b for a, b in _around(found.clips))


def _around(clips: Sequence[Span]) -> list[tuple[F, F]]:
    return [(span.start, span.end) for span in union(clips)]


@pytest.mark.parametrize("text", ["speech.probability", "sidecar.words"])
def test_a_named_track_must_exist(text: str) -> None:
    with pytest.raises(RecipeErrors) as caught:
        logical(text=text)
    (mistake,) = caught.value.errors
    assert text in mistake.message or "words" in mistake.message
