"""Captions and transcripts: what was written comes back, what is wrong is named with its line."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pysubs2
import pytest
import webvtt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curator.align.read.container import Subtitles
from curator.align.read.lrc import Lrc
from curator.align.read.srt import Srt
from curator.align.read.timeline import TimeUnit
from curator.align.read.webvtt import WebVtt
from curator.align.read.words import Words
from tests.footage import shared
from tests.sidecars import existing, refused, said, sidecar, text_of

JFK = [
    (0.35, 2.24, "And so, my fellow Americans,"),
    (3.3, 4.38, "ask not"),
    (5.41, 7.62, "what your country can do for you,"),
    (8.19, 10.59, "ask what you can do for your country."),
]
WORDS = st.text(
    st.characters(categories=("Lu", "Ll", "Lo", "Nd"), include_characters=" ,.?!'"), min_size=1
).filter(lambda text: text.strip() == text and not text.isdigit())
CAPTIONS = st.lists(
    st.tuples(
        st.integers(0, 10**7), st.integers(1, 10**5), st.lists(WORDS, min_size=1, max_size=3)
    ),
    max_size=8,
)
IN_PLACE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def stamp(ms: int, point: str) -> str:
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"


def expected(captions: list[tuple[int, int, list[str]]]) -> list[tuple[Fraction, Fraction, str]]:
    rows = [
        (Fraction(start, 1000), Fraction(start + length, 1000), "\n".join(lines))
        for start, length, lines in captions
    ]
    return sorted(rows, key=lambda row: row[0])


def exactly(track: object) -> list[tuple[Fraction, Fraction, str]]:
    return [(cue.span.start, cue.span.end, cue.text) for cue in track.cues]  # type: ignore[attr-defined]


@IN_PLACE
@given(CAPTIONS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_srt_gives_back_what_was_written(tmp_path, captions, newline, mark) -> None:
    blocks = [
        f"{n}\n{stamp(start, ',')} --> {stamp(start + length, ',')}\n" + "\n".join(lines) + "\n"
        for n, (start, length, lines) in enumerate(captions, 1)
    ]
    data = ("\ufeff" if mark else "") + "\n".join(blocks)
    track = text_of(Srt(), sidecar(tmp_path, "a.srt", data.replace("\n", newline)))
    assert exactly(track) == expected(captions)
    assert not track.notes


@IN_PLACE
@given(CAPTIONS)
def test_webvtt_gives_back_what_was_written(tmp_path, captions) -> None:
    blocks = [
        f"{stamp(start, '.')} --> {stamp(start + length, '.')} align:start\n" + "\n".join(lines)
        for start, length, lines in captions
    ]
    track = text_of(WebVtt(), sidecar(tmp_path, "a.vtt", "\n\n".join(["WEBVTT", *blocks])))
    assert exactly(track) == expected(captions)


@IN_PLACE
@given(CAPTIONS, st.sampled_from(TimeUnit))
def test_jsonl_gives_back_what_was_written(tmp_path, captions, unit) -> None:
    per = int(Fraction(1, 1000) / unit.value) if unit is not TimeUnit.s else Fraction(1, 1000)
    rows = [
        {
            "start": float(start * per),
            "end": float((start + length) * per),
            "text": "\n".join(lines),
        }
        for start, length, lines in captions
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    track = text_of(Words(unit=unit), sidecar(tmp_path, "a.jsonl", text))
    assert exactly(track) == expected(captions)


@pytest.mark.parametrize("name", ["jfk.srt", "jfk.vtt"])
def test_captions_of_a_known_speech(name) -> None:
    reader = Srt() if name.endswith("srt") else WebVtt()
    track = text_of(reader, existing(shared(f"fixtures/subs/{name}")))
    assert said(track.cues) == JFK
    assert not track.notes


def test_sound_files_read_as_the_libraries_of_the_field_read_them() -> None:
    for name in ("jfk.srt", "subtitles.srt", "subtitles-unicode.srt", "jfk_offset_plus1750ms.srt"):
        path = shared(f"fixtures/subs/{name}")
        theirs = [(e.start / 1000, e.end / 1000, e.plaintext) for e in pysubs2.load(str(path))]
        assert said(text_of(Srt(), existing(path)).cues) == theirs
    for name in ("jfk.vtt", "subtitles_en.vtt"):
        path = shared(f"fixtures/subs/{name}")
        captions = [(c.start_in_seconds, c.end_in_seconds, c.text) for c in webvtt.read(path)]
        # The library counts whole seconds only.
        ours = said(text_of(WebVtt(), existing(path)).cues)
        assert [(int(a), int(b), text) for a, b, text in ours] == captions


def test_a_damaged_srt_says_which_line_is_in_another_encoding() -> None:
    file = existing(shared("fixtures/subs/malformed.srt"))
    assert "0xe9" in refused(Srt(), file, at="line 11")


def test_what_is_harmless_is_read_and_noted() -> None:
    file = existing(shared("fixtures/subs/malformed.srt"))
    track = text_of(Srt(encoding="latin-1"), file)
    assert said(track.cues) == [(1.0, 2.0, "bad arrow"), (6.5, 7.5, "dot separators café latin-1")]
    assert [note.split(":")[0] for note in track.notes] == ["line 2", "line 9", "line 6"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1\n00:00:01,000 --> oops\nhello\n", "line 2"),
        (
            "1\n00:00:01,000 --> 00:00:02,000\nhello\n\n2\n00:00:75,000 --> 00:01:02,000\na",
            "line 6",
        ),
        ("only words\nwithout times\n", "line 1"),
        ("1\n00:00:01,000 --> 00:00:02,000\nhe\0llo\n", "line 3"),
    ],
)
def test_srt_that_cannot_be_read_is_refused_with_its_line(tmp_path, text, at) -> None:
    refused(Srt(), sidecar(tmp_path, "a.srt", text), at=at)


def test_an_unnumbered_srt_keeps_numbers_that_were_said(tmp_path) -> None:
    text = "00:00:01,000 --> 00:00:02,000\n42\n\n00:00:03,000 --> 00:00:04,000\n43\n"
    track = text_of(Srt(), sidecar(tmp_path, "a.srt", text))
    assert said(track.cues) == [(1.0, 2.0, "42"), (3.0, 4.0, "43")]


def test_a_file_that_is_too_large_is_not_read(tmp_path) -> None:
    path = tmp_path / "a.srt"
    with path.open("wb") as out:
        out.truncate((64 << 20) + 1)
    assert "at most" in refused(Srt(), existing(path))


RICH_VTT = """WEBVTT - a title
Language: en-GB

STYLE
::cue { color: red }

NOTE --> is no arrow here
because this is a note

intro
00:01.000 --> 00:04.000 position:10%,line-left align:left
<v.loud Anna>Hi &amp; <c.yellow>welcome</c></v>
<v Bo>Hello</v>

00:01:05.000 --> 00:01:07.000
one <00:01:05.500><c>two</c> <00:01:06.250>three
"""


def test_webvtt_voices_are_speakers_and_times_inside_are_words(tmp_path) -> None:
    track = text_of(WebVtt(), sidecar(tmp_path, "a.vtt", RICH_VTT))
    assert track.language == "en-GB"
    assert [(cue.speaker, cue.text) for cue in track.cues] == [
        ("Anna", "Hi & welcome"),
        ("Bo", "Hello"),
        (None, "one two three"),
    ]
    assert said(track.cues[2].words) == [
        (65.0, 65.5, "one"),
        (65.5, 66.25, "two"),
        (66.25, 67.0, "three"),
    ]
    assert not track.notes


def test_webvtt_cues_need_no_empty_line_between_them(tmp_path) -> None:
    text = "WEBVTT\n\nstray\nwords\n00:01.000 --> 00:02.000\na\n00:02.000 --> 00:03.000\nb\n"
    track = text_of(WebVtt(), sidecar(tmp_path, "a.vtt", text))
    assert said(track.cues) == [(1.0, 2.0, "a"), (2.0, 3.0, "b")]
    assert track.notes == ("line 3: text without times, left out",)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1\n\n00:01.000 --> 00:02.000\nx", "line 1"),
        ("WEBVTT\n\n00:01.000 --> soon\nx", "line 3"),
        ("WEBVTT\n\n00:01.000 --> 00:99.000\nx", "line 3"),
    ],
)
def test_webvtt_that_cannot_be_read_is_refused_with_its_line(tmp_path, text, at) -> None:
    refused(WebVtt(), sidecar(tmp_path, "a.vtt", text), at=at)


def test_lyrics_last_until_the_next_line_and_repeat(tmp_path) -> None:
    text = (
        "[ar:Nobody]\n[la:en]\n[offset:+500]\n[00:01.50]first\n[00:03.00]\n"
        "[00:05.00][00:10.00]again\n[00:07.00]<00:07.00>two <00:08.00>words <00:08.50>\n"
    )
    track = text_of(Lrc(), sidecar(tmp_path, "a.lrc", text, video_seconds=12.0))
    assert said(track.cues) == [
        (1.0, 2.5, "first"),
        (4.5, 6.5, "again"),
        (6.5, 9.5, "two words"),
        (9.5, 12.0, "again"),
    ]
    assert said(track.cues[2].words) == [(6.5, 7.5, "two"), (7.5, 8.0, "words")]
    assert track.language == "en"


def test_a_last_line_without_an_end_is_left_out_and_noted(tmp_path) -> None:
    track = text_of(Lrc(), sidecar(tmp_path, "a.lrc", "[00:01.50]first\n[00:03.00]last\n"))
    assert said(track.cues) == [(1.5, 3.0, "first")]
    assert track.notes == ("line 2: nothing says where it ends, left out",)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("no times\n", "line 1"),
        ("[00:01.00]a\n[00:61.00]b\n", "line 2"),
        ("[00:01.00]a\n[00:]b\n", "line 2"),
        ("[offset:soon]\n", "line 1"),
    ],
)
def test_lyrics_that_cannot_be_read_are_refused_with_their_line(tmp_path, text, at) -> None:
    refused(Lrc(), sidecar(tmp_path, "a.lrc", text), at=at)


def test_a_transcript_of_whisperx(tmp_path) -> None:
    words = [{"word": "Hello", "start": 0.1, "end": 0.4, "score": 0.9}, {"word": "2024"}]
    document = {
        "segments": [
            {"start": 0.1, "end": 1.2, "text": " Hello 2024", "words": words, "speaker": "S0"}
        ],
        "word_segments": words,
        "language": "en",
    }
    track = text_of(Words(), sidecar(tmp_path, "a.json", json.dumps(document)))
    (cue,) = track.cues
    assert (cue.text, cue.speaker, track.language) == ("Hello 2024", "S0", "en")
    assert cue.span.start == Fraction(1, 10)
    assert said(cue.words) == [(0.1, 0.4, "Hello")]
    assert track.notes == ("segments[0] words[1]: '2024' has no time",)


@pytest.mark.parametrize(
    "document",
    [
        [{"start": 1, "end": 2, "text": "a"}],
        {"words": [{"start": 1, "end": 2, "word": "a"}]},
        {"chunks": [{"timestamp": [1.0, 2.0], "text": "a"}]},
        {"transcription": [{"offsets": {"from": 1000, "to": 2000}, "text": " a"}]},
        {"annotations": [{"start_seconds": 1, "duration_seconds": 1, "label": "a"}]},
    ],
)
def test_the_shapes_that_transcripts_come_in(tmp_path, document) -> None:
    track = text_of(Words(), sidecar(tmp_path, "a.json", json.dumps(document)))
    assert said(track.cues) == [(1.0, 2.0, "a")]


def test_a_known_transcript() -> None:
    track = text_of(Words(), existing(shared("fixtures/gt/jfk.json")))
    assert said(track.cues) == JFK


def test_annotations_of_several_kinds_are_several_tracks(tmp_path) -> None:
    rows = [
        {"start_seconds": 0, "end_seconds": 2, "label": "grasp", "kind": "action"},
        {"start_seconds": 1, "end_seconds": 4, "label": "cup", "kind": "object"},
    ]
    file = sidecar(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))
    tracks = Words(by="kind").read(file)
    assert {name: said(track.cues) for name, track in tracks.items()} == {
        "action": [(0.0, 2.0, "grasp")],
        "object": [(1.0, 4.0, "cup")],
    }


def test_instructions_of_real_episodes_are_told_apart_by_video() -> None:
    path = shared("fixtures/robotics/bridge_episodes/episodes.jsonl")
    reader = Words(text="instruction", video="video", language="en")
    file = existing(path, video="bridge_episodes/ep01.mp4", video_seconds=2.0)
    assert said(text_of(reader, file).cues) == [(0.0, 2.0, "flip pot upright which is in sink")]
    assert "which video" in refused(reader, existing(path))


@pytest.mark.parametrize(
    ("name", "text", "at"),
    [
        ("a.json", "{", "line 1"),
        ("a.json", "[\n{},\n", "line 3"),
        ("a.json", '[{"start": 1, "end": 2}]', "[0]"),
        ("a.json", '[{"start": "soon", "end": 2, "text": "a"}]', "[0]"),
        ("a.json", '[{"start": NaN, "end": 2, "text": "a"}]', "line 1"),
        ("a.json", '[{"start": 1e300, "end": 2, "text": "a"}]', "[0]"),
        ("a.json", "[" * 100_000, "line 1"),
        ("a.jsonl", '{"start": 1, "end": 2, "text": "a"}\n{"start": 1', "line 2"),
        ("a.jsonl", "[1, 2]", "line 1"),
    ],
)
def test_json_that_cannot_be_read_is_refused_with_its_place(tmp_path, name, text, at) -> None:
    refused(Words(), sidecar(tmp_path, name, text), at=at)


@pytest.mark.parametrize(
    ("name", "language", "cues"),
    [
        ("v_jfk_subs_2tracks.mkv", "eng", JFK),
        ("sample_with_vtt_subtitles.mkv", None, [(0.0, 1.234, "This is the first subtitle.")]),
        ("sample_with_ass_subtitles.mkv", None, [(0.0, 0.433, "This is the first subtitle.")]),
        (
            "sample_with_overlapping_srt.mkv",
            None,
            [
                (0.033, 0.263, "First subtitle - end overlaps second"),
                (0.083, 0.483, "Third subtitle - fully encompasses second"),
                (0.133, 0.383, "Second subtitle - beginning overlaps first"),
            ],
        ),
    ],
)
def test_subtitles_inside_a_container_begin_with_the_first_frame(name, language, cues) -> None:
    track = text_of(Subtitles(), existing(shared(f"fixtures/formats/{name}")))
    assert (track.language, said(track.cues)) == (language, cues)


def test_subtitles_of_quicktime_are_text_without_its_boxes() -> None:
    track = text_of(Subtitles(), existing(shared("fixtures/film/nasa_13013_multistream.mp4")))
    assert track.cues[0].text == "NAR: This is the optical and science segment of the Webb"
    assert track.language == "eng"


def test_a_stream_is_chosen_by_language_or_number() -> None:
    file = existing(shared("fixtures/formats/v_jfk_subs_2tracks.mkv"))
    assert text_of(Subtitles(language="fra"), file).language == "fra"
    assert text_of(Subtitles(stream=1), file).language == "fra"
    assert "eng, fra" in refused(Subtitles(language="deu"), file)
    assert "number 2" in refused(Subtitles(stream=2), file)


def test_a_speaker_named_in_substation_alpha_is_kept() -> None:
    file = existing(shared("fixtures/formats/sample_with_ass_subtitles.mkv"))
    assert text_of(Subtitles(), file).cues[0].speaker == "Olly"


def test_a_file_that_is_no_container_is_refused(tmp_path: Path) -> None:
    refused(Subtitles(), sidecar(tmp_path, "a.mkv", b"no video at all"))
