from __future__ import annotations

from fractions import Fraction as F  # noqa: N817 - instants are easier to read

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curator.align.snap import Boundaries, of_sentences, of_speech, snapped
from curator.model.series import Series
from curator.model.span import Span
from curator.model.track import Cue, TextTrack


def snap(span: Span, boundaries: Boundaries, **given: F) -> Span:
    bounds = {"within_seconds": F(1), "min_seconds": F(1), "max_seconds": F(10), **given}
    return snapped(span, Span(F(0), F(20)), boundaries, **bounds)


def said(*times: tuple[float, float]) -> TextTrack:
    spans = [Span(F(str(start)), F(str(end))) for start, end in times]
    return TextTrack(cues=tuple(Cue(span=span, text="-") for span in spans))


instants = st.lists(st.fractions(0, 20, max_denominator=25), max_size=6).map(sorted).map(tuple)


@given(
    st.fractions(0, 9, max_denominator=25),
    st.fractions(2, 6, max_denominator=25),
    instants,
    instants,
    st.fractions(0, 2, max_denominator=25),
)
def test_a_clip_stays_in_its_shot_in_its_length_and_near_where_it_was(
    start: F, length: F, starts: tuple[F, ...], ends: tuple[F, ...], within: F
) -> None:
    span, allowed = Span(start, start + length), Span(F(0), F(16))
    found = snapped(
        span,
        allowed,
        Boundaries(starts=starts, ends=ends),
        within_seconds=within,
        min_seconds=F(2),
        max_seconds=F(6),
    )
    assert allowed.start <= found.start < found.end <= allowed.end
    assert 2 <= found.seconds <= 6
    assert found.start in (span.start, *starts)
    assert found.end in (span.end, *ends)
    assert abs(found.start - span.start) <= within
    assert abs(found.end - span.end) <= within


def test_both_ends_go_to_the_nearest_boundary_that_fits() -> None:
    boundaries = Boundaries(starts=(F(1), F("1.6"), F(3)), ends=(F("5.5"), F("6.2")))
    assert snap(Span(F(2), F(6)), boundaries) == Span(F("1.6"), F("6.2"))


def test_a_length_that_would_break_the_bound_takes_the_next_boundary() -> None:
    boundaries = Boundaries(starts=(F("1.6"), F("2.5")), ends=(F("6.2"),))
    assert snap(Span(F(2), F(6)), boundaries, max_seconds=F(4)) == Span(F("2.5"), F("6.2"))


def test_without_boundaries_nothing_moves() -> None:
    span = Span(F(2), F(6))
    assert snap(span, Boundaries(starts=(), ends=())) == span


def test_sentences_are_cut_a_breath_away_and_in_the_middle_of_short_pauses() -> None:
    found = of_sentences(said((1, 3), (3.2, 4), (6, 7)))
    assert found.starts == (F("0.8"), F("3.1"), F("5.8"))
    assert found.ends == (F("3.1"), F("4.2"), F("7.2"))


def test_who_talks_over_another_leaves_no_boundary() -> None:
    track = said((1, 3), (2, 5), (7, 8))
    assert of_sentences(track).ends == (F("5.2"), F("8.2"))


def test_short_silences_are_part_of_the_speech_and_unknown_ones_too() -> None:
    values = np.array([0, 0, 0, 1, 1, 0, 1, 1, np.nan, np.nan, np.nan, 1, 0, 0, 0, 0], np.float32)
    speech = Series(np.arange(len(values)), F(1, 10), values)
    found = of_speech(speech)
    assert found.starts == (F("0.1"),)
    assert found.ends == (F("1.4"),)
    assert of_speech(Series(np.arange(0), F(1, 10), np.zeros(0))).starts == ()
