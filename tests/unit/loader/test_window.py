from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.loader.window import At, ClipTimes, Window, cut, sound_range, uniform_times

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(12)]


def steady(fps, count):
    return ClipTimes(ticks=np.arange(count), end_tick=count, time_base=1 / Fraction(fps))


@st.composite
def clips(draw):
    steps = draw(st.lists(st.integers(1, 9000), min_size=1, max_size=40))
    ends = np.cumsum(steps)
    return ClipTimes(ticks=ends - steps, end_tick=int(ends[-1]), time_base=Fraction(1, 90000))


def nth(number):
    return lambda count: number % count


@given(clip=clips(), frames=st.integers(1, 50), start=st.integers(0, 50))
def test_a_window_of_frames_has_that_many_neighbours_and_lasts_as_long_as_they_do(
    clip, frames, start
):
    made = cut(clip, Window(frames=frames), nth(start))
    count = min(frames, len(clip.ticks))
    assert len(made.frames) == count
    assert (np.diff(made.frames) == 1).all()
    assert made.start == clip.time(int(made.frames[0]))
    assert made.end == clip.time(int(made.frames[-1]) + 1)
    told = [float(clip.time(int(f)) - made.start) for f in made.frames]
    assert made.seconds == pytest.approx(told, abs=1e-12)


@given(clip=clips(), seconds=st.fractions(Fraction(1, 100), 5), start=st.integers(0, 50))
def test_a_window_of_seconds_holds_the_frames_that_begin_in_it(clip, seconds, start):
    made = cut(clip, Window(seconds=seconds), nth(start))
    length = clip.time(len(clip.ticks))
    if seconds <= length:
        assert made.end - made.start == seconds
        assert made.end <= length
    else:
        assert (made.start, made.end) == (clip.time(0), length)
    inside = [f for f in range(len(clip.ticks)) if made.start <= clip.time(f) < made.end]
    assert made.frames.tolist() == inside


@given(
    clip=clips(),
    fps=st.sampled_from(RATES),
    length=st.one_of(
        st.none(), st.integers(1, 40), st.fractions(Fraction(1, 100), 3, max_denominator=1000)
    ),
    start=st.integers(0, 50),
)
def test_at_a_rate_each_instant_shows_the_frame_that_is_on_screen_then(clip, fps, length, start):
    frames = length if isinstance(length, int) else None
    seconds = length if isinstance(length, Fraction) else None
    made = cut(clip, Window(frames=frames, seconds=seconds, fps=fps), nth(start))
    for k, frame in enumerate(made.frames.tolist()):
        instant = made.start + k / fps
        assert clip.time(frame) <= instant < clip.time(frame + 1)
        assert made.seconds[k] == pytest.approx(k / float(fps))
    assert made.start + (len(made.frames) - 1) / fps < made.end
    whole = clip.time(len(clip.ticks))
    wanted = frames / fps if frames else seconds
    if wanted is not None and wanted <= whole:
        assert len(made.frames) == (frames or -(-seconds * fps // 1))


@given(clip=clips(), seconds=st.fractions(Fraction(1, 100), 3))
def test_every_start_that_leaves_room_can_be_chosen_and_no_other(clip, seconds):
    counts = []

    def choose(count):
        counts.append(count)
        return count - 1

    made = cut(clip, Window(seconds=seconds), choose)
    end = clip.time(len(clip.ticks))
    room = sum(clip.time(f) + seconds <= end for f in range(len(clip.ticks)))
    assert counts == ([room] if room > 1 else [])
    assert made.frames[0] == max(0, room - 1)


def test_the_start_and_the_middle_are_not_random():
    clip = steady(25, 100)

    def never(_count):
        raise AssertionError

    assert cut(clip, Window(frames=20, at=At.start), never).frames[0] == 0
    assert cut(clip, Window(frames=20, at=At.middle), never).frames[0] == 40


def test_without_a_length_the_window_is_the_whole_sample():
    made = cut(steady(25, 10), Window(), nth(3))
    assert (made.start, made.end) == (0, Fraction(2, 5))
    assert made.frames.tolist() == list(range(10))
    made = cut(steady(25, 10), Window(fps=Fraction(50)), nth(3))
    assert made.frames.tolist() == [f for f in range(10) for _ in range(2)]


@given(clip=clips(), start=st.integers(0, 50), rate=st.sampled_from([8000, 16000, 44100, 48000]))
def test_sound_begins_at_the_sample_nearest_to_the_instant_and_its_length_is_that_of_the_window(
    clip, start, rate
):
    made = cut(clip, Window(seconds=Fraction(1, 7)), nth(start))
    first, count = sound_range(made, rate)
    assert abs(Fraction(first, rate) - made.start) <= Fraction(1, 2 * rate)
    if made.end - made.start == Fraction(1, 7):
        assert count == round(rate / 7)


def test_a_sample_without_pictures_has_windows_at_hundredths():
    made = cut(uniform_times(Fraction(3), None), Window(seconds=Fraction(1)), nth(137))
    assert (made.start, made.end) == (Fraction(137, 100), Fraction(237, 100))
