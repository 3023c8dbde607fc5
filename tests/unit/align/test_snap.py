from __future__ import annotations

from fractions import Fraction as F  # noqa: N817 - instants are easier to read

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.align.sentences import sentences
from curator.align.snap import Boundaries, Edge, Gap, Quiet, of_sentences, of_speech, snapped
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import Cue, TextTrack

ALL = Span(F(0), F(20))


def at(starts: tuple[F, ...], ends: tuple[F, ...], edge: Edge = Edge.pause) -> Boundaries:
    return Boundaries(edge=edge, starts=starts, ends=ends)


def snap(span: Span, *boundaries: Boundaries, **given: F) -> Span:
    bounds = {"within_seconds": F(1), "min_seconds": F(1), "max_seconds": F(10), **given}
    return snapped(span, boundaries, **bounds).span


def cues(*said: tuple[float, float, str]) -> TextTrack:
    return TextTrack(
        cues=tuple(Cue(span=Span(F(str(a)), F(str(b))), text=text) for a, b, text in said)
    )


def words(text: str, start: float = 0.0, step: float = 0.5) -> Cue:
    """A cue whose words are said one after the other, without a pause."""
    each = text.split()
    first, length = F(str(start)), F(str(step))
    spans = [Span(first + k * length, first + (k + 1) * length) for k in range(len(each))]
    bare = [word.strip('.?!,"') for word in each]  # as many tools write them
    return Cue(
        span=Span(spans[0].start, spans[-1].end),
        text=text,
        words=tuple(Cue(span=s, text=w) for s, w in zip(spans, bare, strict=True)),
    )


def starts(quiet: Quiet) -> tuple[F, ...]:
    return quiet.within(ALL).starts


def ends(quiet: Quiet) -> tuple[F, ...]:
    return quiet.within(ALL).ends


def heard(*voiced: tuple[float, float], seconds: float = 20) -> Series:
    """A probability of speech, 50 per second."""
    times = np.arange(round(seconds * 50)) / 50
    values = np.zeros(len(times), np.float32)
    for start, end in voiced:
        values[(times >= start - 1e-9) & (times < end - 1e-9)] = 1
    return Series(np.arange(len(times)), F(1, 50), values)


instants = st.lists(st.fractions(0, 20, max_denominator=25), max_size=6).map(sorted).map(tuple)


@given(
    st.fractions(0, 9, max_denominator=25),
    st.fractions(2, 6, max_denominator=25),
    instants,
    instants,
    instants,
    st.fractions(0, 2, max_denominator=25),
)
def test_a_clip_keeps_its_length_and_stays_near_where_it_was(
    start: F, length: F, ins: tuple[F, ...], outs: tuple[F, ...], others: tuple[F, ...], within: F
) -> None:
    span = Span(start, start + length)
    found = snapped(
        span,
        [at(ins, outs, Edge.sentence), at(others, others)],
        within_seconds=within,
        min_seconds=F(2),
        max_seconds=F(6),
    )
    new = found.span
    assert 2 <= new.seconds <= 6
    assert new.start in (span.start, *ins, *others)
    assert new.end in (span.end, *outs, *others)
    assert abs(new.start - span.start) <= within
    assert abs(new.end - span.end) <= within
    assert (found.start is Edge.sentence) == (new.start in ins)
    assert (found.end is Edge.unmoved) == (new.end not in (*outs, *others))


def test_both_ends_go_to_the_nearest_boundary_that_fits() -> None:
    boundaries = at((F(1), F("1.6"), F(3)), (F("5.5"), F("6.2")))
    assert snap(Span(F(2), F(6)), boundaries) == Span(F("1.6"), F("6.2"))


def test_a_length_that_would_break_the_bound_takes_the_next_boundary() -> None:
    boundaries = at((F("1.6"), F("2.5")), (F("6.2"),))
    assert snap(Span(F(2), F(6)), boundaries, max_seconds=F(4)) == Span(F("2.5"), F("6.2"))


def test_without_boundaries_nothing_moves() -> None:
    span = Span(F(2), F(6))
    assert snap(span, at((), ())) == snap(span) == span
    found = snapped(span, [at((), ())], within_seconds=F(1), min_seconds=F(1), max_seconds=F(9))
    assert (found.start, found.end) == (Edge.unmoved, Edge.unmoved)


def test_a_sentence_further_off_is_better_than_a_pause_near_by() -> None:
    sentence, pause = at((F("2.9"),), (), Edge.sentence), at((F("2.1"),), (F("5.9"),))
    assert snap(Span(F(2), F(6)), sentence, pause) == Span(F("2.9"), F("5.9"))


def test_two_pauses_are_better_than_a_sentence_and_a_word_cut_in_two() -> None:
    sentence, pause = at((F("2.9"),), (), Edge.sentence), at((F("2.1"),), (F("5.9"),))
    found = snap(Span(F(2), F(6)), sentence, pause, min_seconds=F("3.5"))
    assert found == Span(F("2.1"), F("5.9"))


def test_sentences_are_cut_a_breath_away_and_in_the_middle_of_short_pauses() -> None:
    found = of_sentences(cues((1, 3, "One."), (3.2, 4, "Two."), (6, 7, "Three.")))
    assert starts(found) == (F("0.8"), F("3.1"), F("5.8"))
    assert ends(found) == (F("3.1"), F("4.2"), F("7.2"))


def test_who_talks_over_another_leaves_no_boundary() -> None:
    found = of_sentences(cues((1, 3, "One."), (2, 5, "Two."), (7, 8, "Three.")))
    assert ends(found) == (F("5.2"), F("8.2"))


def said(track: TextTrack) -> list[tuple[float, float]]:
    return [(float(one.start), float(one.end)) for one in sentences(track)]


def test_a_sentence_goes_on_over_cues_until_a_stop() -> None:
    track = cues(
        (0, 2, "And so, my fellow Americans,"),
        (2, 4, "ask not"),
        (4, 6, "what your country can do for you."),
        (6, 8, "Ask what you can do!"),
    )
    assert said(track) == [(0, 6), (6, 8)]


def test_without_any_stops_every_cue_is_a_sentence() -> None:
    track = cues((0, 2, "and so my fellow americans"), (2, 4, "ask not"), (5, 6, "what"))
    assert said(track) == [(0, 2), (2, 4), (5, 6)]


def test_words_end_sentences_inside_a_cue() -> None:
    track = TextTrack(cues=(words('He asked: "Why not?" We went on. Then'), words("it rained.", 5)))
    assert said(track) == [(0, 2), (2, 3.5), (3.5, 6)]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith met Dr. Who.",
        "It was J. Smith here.",
        "See you at 5 p.m. on day two.",
        "3.5 is it.",
    ],
)
def test_points_that_end_nothing(text: str) -> None:
    assert len(said(TextTrack(cues=(words(text),)))) == 1


def test_a_silence_a_sound_and_another_speaker_end_sentences() -> None:
    track = TextTrack(
        cues=(
            Cue(span=Span(F(0), F(1)), text="Well, I", speaker="a"),
            Cue(span=Span(F(1), F(2)), text="no, you.", speaker="b"),
            Cue(span=Span(F(2), F(3)), text="but then", speaker="b"),
            Cue(span=Span(F(3), F(4)), text="[applause]", speaker="b"),
            Cue(span=Span(F(4), F(5)), text="as i said", speaker="b"),
            Cue(span=Span(F(7), F(8)), text="we go on.", speaker="b"),
        )
    )
    assert said(track) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (7, 8)]


def test_sentences_count_at_the_times_of_the_declared_clock() -> None:
    late = Clock(offset_seconds=F(1, 2))
    assert ends(of_sentences(cues((1, 3, "One.")), late)) == (F("2.7"),)


def test_captions_end_where_the_voice_pauses_next_to_them() -> None:
    """Captions hang on until the next one is shown."""
    track = cues((1, 4, "One."), (4, 7, "Two."))
    pauses = of_speech(heard((1.1, 3.4), (3.9, 6.5)))
    found = of_sentences(track, pauses=pauses)
    assert starts(found) == (F("0.9"), F("3.7"))
    assert ends(found) == (F("3.6"), F("6.7"))
    exact = TextTrack(cues=(words("One two. Three four.", 1, 0.5),))
    pauses = of_speech(heard((1, 1.6), (1.9, 3)))
    assert ends(of_sentences(exact, pauses=pauses))[0] == F("1.75")
    pauses = of_speech(heard((1, 1.4), (1.7, 3)))
    assert ends(of_sentences(exact, pauses=pauses))[0] == F(2)


def test_short_silences_are_part_of_the_speech_and_unknown_ones_too() -> None:
    values = np.array([0, 0, 0, 1, 1, 0, 1, 1, np.nan, np.nan, np.nan, 1, 0, 0, 0, 0], np.float32)
    speech = Series(np.arange(len(values)), F(1, 10), values)
    found = of_speech(speech)
    assert starts(found) == (F("0.15"),)
    assert ends(found) == (F("1.4"),)
    assert starts(of_speech(Series(np.arange(0), F(1, 10), np.zeros(0)))) == ()


def test_a_clip_that_begins_or_ends_in_mid_speech_is_at_no_boundary() -> None:
    found = of_speech(heard((0, 5), (6, 20)))
    assert starts(found) == (F("5.8"),)
    assert ends(found) == (F("5.2"),)
    inside = found.within(Span(F(1), F(8)))
    assert (inside.starts, inside.ends) == ((F("5.8"),), (F("5.2"),))


def test_an_end_inside_a_pause_stays_there() -> None:
    found = of_speech(heard((0, 5), (6, 20)))
    inside = found.within(Span(F("5.9"), F(8)))
    assert inside.starts == (F("5.9"),)
    inside = found.within(Span(F(1), F("5.1")))
    assert inside.ends == (F("5.1"),)


def test_what_nobody_has_listened_to_counts_as_speech() -> None:
    whole = heard((0, 5), (6, 12), (13, 20))
    keep = (whole.seconds < 5.5) | (whole.seconds >= 12.5)
    known = Series(whole.ticks[keep], whole.time_base, whole.values[keep])
    found = of_speech(known)
    assert ends(found) == (F("5.2"), F("12.7"))
    assert starts(found) == (F("5.3"), F("12.8"))


def test_instants_are_those_of_frames() -> None:
    quiet = Quiet(edge=Edge.pause, before=(Gap(F(2), F(4)),), after=(Gap(F(2), F(4)),))
    found = quiet.within(ALL, lambda at: F(-(-at // 1)))
    assert (found.starts, found.ends) == ((F(4),), (F(3),))
