"""Tracks come back exactly: numbers bit for bit, times as the same fractions, text as it was."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curator.model.series import Series
from curator.model.span import Span
from curator.model.track import Between, Cue, MotionTrack, NumberTrack, Skeleton, TextTrack, Track
from curator.store.series import encode_series
from curator.store.tracks import decode_track, encode_track

BASES = st.sampled_from([Fraction(1, 25), Fraction(1001, 30000), Fraction(1, 10**9)])
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
SECONDS = st.fractions(min_value=0, max_value=10**6)


@st.composite
def times(draw: st.DrawFn) -> np.ndarray:
    return np.array(sorted(draw(st.sets(st.integers(-(2**60), 2**60), max_size=6))), np.int64)


@st.composite
def numbers(draw: st.DrawFn) -> NumberTrack:
    ticks = draw(times())
    shape = draw(st.sampled_from([(), (3,), (2, 3), (0,)]))
    dtype = np.dtype(draw(st.sampled_from(["f4", "f8", "i8", "?"])))
    width = shape[-1] if shape else 1
    named = draw(st.booleans())
    values = draw(hnp.arrays(dtype, (len(ticks), *shape)))
    return NumberTrack(
        series=Series(ticks, draw(BASES), values),
        fields=tuple(draw(ANY_TEXT) for _ in range(width)) if named else (),
        units=(draw(ANY_TEXT),) if named else (),
        between=tuple(draw(st.sampled_from(Between)) for _ in range(width)),
    )


@st.composite
def motions(draw: st.DrawFn) -> MotionTrack:
    ticks, joints = draw(times()), draw(st.integers(1, 4))
    size = (len(ticks), joints)
    turned = draw(st.booleans())
    return MotionTrack(
        ticks=ticks,
        time_base=draw(BASES),
        skeleton=Skeleton(
            joints=tuple(draw(ANY_TEXT) for _ in range(joints)),
            parents=tuple(range(-1, joints - 1)),
            up=draw(st.sampled_from("yz")),
        ),
        positions=draw(hnp.arrays(np.float32, (*size, 3))),
        rotations=draw(hnp.arrays(np.float32, (*size, 4))) if turned else None,
    )


@st.composite
def cues(draw: st.DrawFn, depth: int = 2) -> Cue:
    start, end = sorted(draw(st.lists(SECONDS, min_size=2, max_size=2, unique=True)))
    below = st.lists(cues(depth - 1), max_size=2) if depth else st.just([])
    return Cue(
        span=Span(start, end),
        text=draw(ANY_TEXT),
        words=tuple(draw(below)),
        speaker=draw(st.none() | ANY_TEXT),
    )


@st.composite
def texts(draw: st.DrawFn) -> TextTrack:
    return TextTrack(
        cues=tuple(draw(st.lists(cues(), max_size=3))),
        language=draw(st.none() | st.sampled_from(["en", "pt-BR"])),
        notes=tuple(draw(st.lists(ANY_TEXT, max_size=2))),
    )


def plain(track: Track) -> object:
    """A track as something that compares by content."""
    if isinstance(track, NumberTrack):
        one = track.series
        parts = (one.time_base, one.ticks.tobytes(), one.values.dtype, one.values.shape)
        return (*parts, one.values.tobytes(), track.fields, track.units, track.between)
    if isinstance(track, MotionTrack):
        turned = track.rotations
        where = (track.positions.shape, track.positions.tobytes())
        how = None if turned is None else (turned.shape, turned.tobytes())
        return (track.time_base, track.ticks.tobytes(), track.skeleton, where, how)
    return track


@given(numbers() | motions() | texts())
def test_a_track_comes_back_as_it_was(track: Track) -> None:
    back = decode_track(encode_track(track))
    assert type(back) is type(track)
    assert plain(back) == plain(track)


@given(numbers() | motions() | texts())
def test_what_came_back_gives_the_same_bytes(track: Track) -> None:
    data = encode_track(track)
    assert encode_track(decode_track(data)) == data


@given(texts(), texts())
def test_tracks_that_differ_have_bytes_that_differ(one: TextTrack, other: TextTrack) -> None:
    assert (encode_track(one) == encode_track(other)) == (one == other)


def test_one_long_cue_does_not_widen_the_others() -> None:
    spans = [Span(Fraction(n), Fraction(n + 1)) for n in range(2000)]
    long = (Cue(span=spans[0], text="a\0" * 500_000),)
    track = TextTrack(cues=long + tuple(Cue(span=span, text="b") for span in spans[1:]))
    data = encode_track(track)
    assert len(data) < 200_000
    assert decode_track(data) == track


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not arrow at all",
        encode_series({"a": Series(np.arange(2), Fraction(1), np.ones(2))}),
        encode_track(TextTrack(cues=())) + b"more",
        encode_track(TextTrack(cues=())) * 2,
        encode_track(TextTrack(cues=()))[:100],
    ],
    ids=["empty", "noise", "series", "tail", "two", "cut"],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        decode_track(data)


def test_encoding_does_not_import_pandas() -> None:
    code = textwrap.dedent("""
        import sys
        from fractions import Fraction
        from curator.model.span import Span
        from curator.model.track import Cue, TextTrack
        from curator.store.tracks import decode_track, encode_track

        track = TextTrack(cues=(Cue(span=Span(Fraction(0), Fraction(1)), text="hello"),))
        assert decode_track(encode_track(track)) == track
        sys.exit("pandas" in sys.modules)
        """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
