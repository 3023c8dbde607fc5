from fractions import Fraction
from pathlib import Path

import pytest

from curator.errors import SourceError
from curator.model.span import Span
from curator.source.labels import Label, read_labels


def test_rows_of_csv_and_lines_of_json_say_the_same(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text(
        "video,start_seconds,end_seconds,label,why\n"
        "talk.mp4,0,2.5,avatar,\n"
        "talk.mp4,2.5,4,reject,blurry+dark\n"
    )
    lines = tmp_path / "a.jsonl"
    lines.write_text(
        '{"video": "talk.mp4", "start_seconds": 0, "end_seconds": 2.5, "label": "avatar"}\n\n'
        '{"video": "talk.mp4", "start_seconds": 2.5, "end_seconds": 4, "label": "reject", "why": "blurry+dark"}\n'
    )
    first, second = read_labels(str(table))
    assert read_labels(str(lines)) == (first, second)
    assert first == Label(
        span=Span(Fraction(0), Fraction(5, 2)), label="avatar", video="talk.mp4", why=None
    )
    assert second.why == "blurry+dark"


def test_segments_of_a_json_document_may_leave_the_video_out(tmp_path: Path) -> None:
    file = tmp_path / "truth.json"
    file.write_text(
        '{"segments": [{"start_s": 1, "end_s": 2, "label": "reject", "reject_reasons": ["a", "b"]}]}'
    )
    (only,) = read_labels(str(file))
    assert only.why == "a+b"
    assert only.is_about("anything.mp4")


@pytest.mark.parametrize(
    ("url", "is_about"),
    [
        ("s3://bucket/set1/talk.mp4", True),
        ("talk.mp4", True),
        ("set1/smalltalk.mp4", False),
    ],
)
def test_a_label_names_the_end_of_an_address(url: str, is_about: bool) -> None:
    label = Label(span=Span(Fraction(0), Fraction(1)), label="x", video="talk.mp4")
    assert label.is_about(url) is is_about


@pytest.mark.parametrize(
    ("name", "text", "line", "word"),
    [
        ("a.csv", "video,start_seconds,label\nx,0,y\n", 2, "end_seconds"),
        ("a.jsonl", '{"start_seconds": 2, "end_seconds": 1, "label": "x"}\n', 1, "empty"),
        ("a.jsonl", "{}\nnot json\n", 1, "start_seconds"),
        ("a.json", "[]", 1, "no interval"),
        ("a.json", "{", 1, "labels"),
    ],
)
def test_mistakes_are_placed(tmp_path: Path, name: str, text: str, line: int, word: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(SourceError) as caught:
        read_labels(str(file))
    assert caught.value.reason == "labels-invalid"
    assert caught.value.where is not None
    assert caught.value.where.line == line
    assert word in caught.value.message


def test_a_file_that_is_not_there_is_said_to_be_unreadable(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_labels(str(tmp_path / "none.csv"))
