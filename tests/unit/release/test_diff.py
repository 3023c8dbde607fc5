from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import pytest

from curator.errors import StoreError
from curator.model.clip import Decision, Row, Unit
from curator.model.outcome import Outcome
from curator.model.signal import Signal
from curator.model.span import Span
from curator.release.diff import DiffReport, diff
from curator.release.write import write
from tests.release_content import content, outcome


def with_rows(one: Outcome, *rows: Row) -> Outcome:
    return dataclasses.replace(one, rows=rows)


def row(start: float, end: float, reason: str = "ok", share: float = 0.7) -> Row:
    kept = reason == "ok"
    return Row(
        span=Span(Fraction(start), Fraction(end)),
        unit=Unit.clip,
        decision=Decision.kept if kept else Decision.dropped,
        reason=reason,
        margin=0.2 if kept else -0.1,
        threshold=None if kept else "keep.voice",
        signals={"speech.share": Signal(share)},
    )


def compare(tmp_path: Path, a: list[Outcome], b: list[Outcome]) -> DiffReport:
    folders = [
        write(tmp_path / name, content(tmp_path / f"{name}-blobs", outcomes)).folder
        for name, outcomes in (("a", a), ("b", b))
    ]
    return diff(*folders)


def test_a_release_does_not_differ_from_itself(tmp_path: Path) -> None:
    report = compare(tmp_path, [outcome(0)], [outcome(0)])
    assert report.same == 1
    for part in (report.clips_in, report.clips_out, report.recut, report.moved, report.settings):
        assert part == ()
    assert report.lines() == [f"{report.a} and {report.b} are the same release"]


def test_a_clip_that_fell_out_comes_with_the_reason_of_the_other_side(tmp_path: Path) -> None:
    a = with_rows(outcome(1), row(0, 12), row(12, 20))
    b = with_rows(outcome(1), row(0, 12), row(12, 20, "voice:low"))
    report = compare(tmp_path, [a], [b])
    [out] = report.clips_out
    assert (out.start_seconds, out.end_seconds, out.reason) == (12, 20, "voice:low")
    assert (out.threshold, out.margin) == ("keep.voice", -0.1)
    assert (report.same, report.clips_in) == (1, ())
    [came] = compare(tmp_path / "back", [b], [a]).clips_in
    assert came.reason == "voice:low"


def test_a_clip_with_other_ends_is_recut_and_neither_in_nor_out(tmp_path: Path) -> None:
    a = with_rows(outcome(1), row(0, 12), row(30, 40))
    b = with_rows(outcome(1), row(1, 6), row(6, 13), row(30, 40))
    report = compare(tmp_path, [a], [b])
    assert (report.clips_in, report.clips_out, report.same) == ((), (), 1)
    [recut] = report.recut
    assert recut.before == ((0, 12),)
    assert recut.after == ((1, 6), (6, 13))


def test_a_video_that_is_gone_is_the_reason(tmp_path: Path) -> None:
    report = compare(tmp_path, [outcome(1), outcome(2)], [outcome(1)])
    [out] = report.clips_out
    assert out.reason == "no-such-video"
    [change] = report.sources
    assert (change.path, change.after) == ("films/film 2.mp4", None)


def test_a_renamed_video_is_the_same_video(tmp_path: Path) -> None:
    report = compare(tmp_path, [outcome(1)], [outcome(1, url="elsewhere/b.mp4")])
    assert (report.same, report.clips_in, report.clips_out) == (1, (), ())


def test_a_signal_that_moved_is_told_with_its_largest_step(tmp_path: Path) -> None:
    a = with_rows(outcome(1), row(0, 12, share=0.7), row(12, 20, share=0.6))
    b = with_rows(outcome(1), row(0, 12, share=0.75), row(12, 20, share=0.9))
    [moved] = compare(tmp_path, [a], [b]).moved
    assert (moved.signal, moved.clips, moved.start_seconds) == ("speech.share", 2, 12)
    assert moved.largest == pytest.approx(0.3)
    assert (moved.before, moved.after) == (0.6, 0.9)


def test_a_signal_that_only_one_build_needed_has_not_moved(tmp_path: Path) -> None:
    a = with_rows(outcome(1), row(0, 12))
    b = with_rows(outcome(1), dataclasses.replace(row(0, 12), signals={}))
    assert compare(tmp_path, [a], [b]).moved == ()


def test_settings_versions_and_lines(tmp_path: Path) -> None:
    made = content(tmp_path / "blobs", [outcome(1)])
    a = write(tmp_path / "a", made).folder
    document = {**made.document, "keep": {"voice": {"min": 0.6}, "sharp": {"min": 3}}}
    lock = {**made.lock, "versions": {"curator-build": "0.2.0", "ops": {"face": 3, "speech": 1}}}
    b = write(tmp_path / "b", dataclasses.replace(made, document=document, lock=lock)).folder
    report = diff(a, b)
    told = {one.path: (one.before, one.after) for one in report.settings}
    assert told == {"keep.voice.min": (0.5, 0.6), "keep.sharp.min": (None, 3)}
    assert {one.path for one in report.versions} == {"versions.curator-build", "versions.ops.face"}
    text = "\n".join(report.lines())
    assert "keep.voice.min: 0.5 -> 0.6" in text
    assert "versions.ops.face: 2 -> 3" in text


def test_the_report_is_plain_json(tmp_path: Path) -> None:
    report = compare(tmp_path, [outcome(1), outcome(2)], [outcome(1)])
    document = json.loads(json.dumps(report.to_json()))
    assert document["clips_out"][0]["reason"] == "no-such-video"
    assert document["same"] == 1


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        diff(tmp_path, tmp_path)
    assert error.value.reason == "not-a-release"
