"""Two devices for twenty minutes: aligners at work on what they recorded, clip by clip, and on the whole pair."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction as F  # noqa: N817 - instants are easier to read
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from curator.abc.aligner import Aligner, Hear, Pair
from curator.align.clock import track_on_video
from curator.align.estimate.envelope import Envelope
from curator.align.estimate.movement import MovementAligner
from curator.model.series import Series
from curator.model.span import Span
from curator.model.sync import Clock, Offset
from curator.model.track import Track
from curator.plan.line import lines_of
from curator.plan.sync import Agreement, Alignment, Question, agree
from curator.spec.recipe import AlignSpec
from curator.testing.tiles import Footage, video_info
from tests.unit.align import planted

SECONDS, FPS, RATE = 1200, 25.0, 16_000
HALF_FRAME = 0.5 / FPS
WHOLE = Span(F(0), F(SECONDS))
_INFO = video_info(Footage(np.zeros((250, 90, 160), np.uint8)))
Floats = npt.NDArray[np.float64]


@dataclass
class Recorded:
    """What the files say, measured when it is asked for."""

    truth: Clock
    camera: Hear | None = None
    heard: Any = None
    """``heard(clock)``: the recording by a clock."""
    series: dict[str, Series] = field(default_factory=dict)
    track: Track | None = None
    said: dict[Question, Offset] = field(default_factory=dict)
    asked: int = 0

    def declared(self, alignment: Alignment) -> Clock:
        return Clock()

    def offset(self, alignment: Alignment, question: Question) -> Offset | None:
        return self.said.get(question)

    def measure(self, alignment: Alignment, question: Question) -> None:
        assert question not in self.said, "nothing is asked twice"
        self.asked += 1
        search = question.search_seconds or alignment.search_seconds
        inside = alignment.around(question.span, WHOLE)
        pair = Pair(
            span=question.span,
            video=_INFO,
            series={name: one.within(inside) for name, one in self.series.items()},
            track=None if self.track is None else track_on_video(self.track, question.clock),
            heard=None if self.heard is None else self.heard(question.clock),
            camera=self.camera,
        )
        self.said[question] = alignment.aligner.estimate(pair, max_offset_seconds=float(search))


def alignment(aligner: Aligner, sure: float = 2, **spec: Any) -> Alignment:
    return Alignment(
        name="other",
        role="other",
        track="",
        spec=AlignSpec(op=aligner.name, max_offset_seconds=0.5, min_confidence=sure, **spec),
        aligner=aligner,
        nodes=dict.fromkeys(aligner.measures, "node"),
    )


def clips(seconds: int = 8, every: int = 120) -> list[Span]:
    return [Span(F(at), F(at + seconds)) for at in range(3, SECONDS - seconds, every)]


def settle(
    one: Alignment, known: Recorded, spans: list[Span]
) -> tuple[Clock | None, list[Agreement]]:
    """As the evaluator does it: the whole pair, then each clip."""
    lines: dict[str, Clock] = {}
    for _ in range(3):
        lines, questions = lines_of([one], spans, WHOLE, FPS, known)
        if not questions:
            break
        for question in questions:
            known.measure(one, question)
    out = []
    for span in spans:
        found = agree(one, span, FPS, known, lines.get(one.name))
        while isinstance(found, Question):
            known.measure(one, found)
            found = agree(one, span, FPS, known, lines.get(one.name))
        assert isinstance(found, Agreement)
        out.append(found)
    return lines.get(one.name), out


def residual(found: Agreement, truth: Clock, span: Span) -> float:
    """How far the released track is off anywhere in a clip, seconds."""
    assert found.clock is not None
    return max(
        abs(float(truth.on_video(found.clock.on_track(at)) - at)) for at in (span.start, span.end)
    )


def recordings(truth: Clock, seed: int = 0) -> Recorded:
    """Noise in bursts, heard by a camera and by a recorder whose clock is `truth`."""
    rng = np.random.default_rng(seed)
    total = (SECONDS + 20) * RATE
    hop = RATE // 10
    loud = np.repeat(rng.uniform(0.01, 0.3, total // hop), hop)
    source = (loud * rng.standard_normal(total)).astype(np.float32)
    origin = -10.0
    """The source begins ten seconds before the video."""

    def at(video_seconds: Floats) -> npt.NDArray[np.float32]:
        where = (video_seconds - origin) * RATE
        low = np.floor(where).astype(np.int64)
        part = (where - low).astype(np.float32)
        inside = (low >= 0) & (low < total - 1)
        low = np.where(inside, low, 0)
        return np.where(inside, source[low] * (1 - part) + source[low + 1] * part, 0).astype(np.float32)  # fmt: skip

    def camera(span: Span, rate: int) -> npt.NDArray[np.float32]:
        assert rate == RATE
        count = round(span.seconds * rate)
        return at(float(span.start) + np.arange(count) / rate)

    def heard(clock: Clock) -> Hear:
        def listen(span: Span, rate: int) -> npt.NDArray[np.float32]:
            count = round(span.seconds * rate)
            by = float(span.start) + np.arange(count) / rate
            stamps = float(clock.offset_seconds) + float(clock.rate) * by
            return at((stamps - float(truth.offset_seconds)) / float(truth.rate))

        return listen

    return Recorded(truth, camera=camera, heard=heard)


DRIFTING = Clock(offset_seconds=F("0.31"), rate=F("1.001"))


def test_a_recorder_that_drifts_by_a_thousandth_for_twenty_minutes() -> None:
    """At the end it is 1.5 s late: three times the bound, and further than a clip by itself looks."""
    spans = clips()
    clock, found = settle(alignment(Envelope()), recordings(DRIFTING), spans)
    assert clock is not None
    assert float(clock.rate) == pytest.approx(1.001, abs=1e-6)
    assert float(clock.offset_seconds) == pytest.approx(0.31, abs=5e-4)
    assert {one.reason for one in found} == {"ok"}
    off = [residual(one, DRIFTING, span) for one, span in zip(found, spans, strict=True)]
    assert max(off) < 0.001, "half a frame is 20 ms"
    for one, span in zip(found, spans, strict=True):
        held = {name.rpartition(".")[2]: signal.value for name, signal in one.signals.items()}
        middle = float(span.start + span.end) / 2
        assert held["offset_seconds"] == pytest.approx(0.31 + 0.001 * middle, abs=0.002)
        assert held["shift_seconds"] == pytest.approx(held["offset_seconds"], abs=0.001)
        assert held["drift"] == pytest.approx(0.001, abs=2e-6)
        assert abs(held["offset_after_seconds"]) < 0.001


def test_clip_by_clip_alone_loses_what_has_drifted_away() -> None:
    """What the line is for."""
    known, one = recordings(DRIFTING), alignment(Envelope())
    span = clips()[-1]
    found = agree(one, span, FPS, known)
    assert isinstance(found, Question)
    known.measure(one, found)
    said = agree(one, span, FPS, known)
    assert isinstance(said, Agreement)
    assert not said.holds


def test_devices_on_one_clock_have_one_offset_for_all_clips() -> None:
    truth = Clock(offset_seconds=F("-0.2"))
    spans = clips()
    clock, found = settle(alignment(Envelope()), recordings(truth), spans)
    assert clock is not None
    assert clock.rate == 1
    assert max(residual(one, truth, span) for one, span in zip(found, spans, strict=True)) < 0.001


def test_an_offset_beyond_the_bound_still_falls() -> None:
    truth = Clock(offset_seconds=F("0.7"), rate=F("1.0005"))
    _, found = settle(alignment(Envelope()), recordings(truth), clips())
    assert {one.reason for one in found} == {"other:out-of-sync"}


def test_another_recording_gives_no_line_and_no_clip() -> None:
    known, other = recordings(Clock(), seed=1), recordings(Clock(), seed=2)
    known.heard = other.heard
    clock, found = settle(alignment(Envelope(), sure=4), known, clips(every=240))
    assert clock is None
    assert {one.reason for one in found} == {"other:unsure"}


def moving(truth: Clock, seed: int = 0) -> Recorded:
    """Pictures that change as six joints move, and the capture of those joints at 60 per second."""
    seen = np.arange(SECONDS * 25) / 25
    joints = [_still_and_move(seen - 0.5 / 25, seed + k) for k in range(3)]
    change = sum(np.abs(np.gradient(one, seen)) for one in joints)
    noise = np.random.default_rng(seed).normal(size=len(seen))
    ticks = np.arange(len(seen), dtype=np.int64)
    series = Series(ticks, F(1, 25), (20 + 10 * change + 2 * noise).astype(np.float32))
    stamps = np.arange((SECONDS + 2) * 60) / 60
    by = (stamps - float(truth.offset_seconds)) / float(truth.rate)
    values = np.stack([_still_and_move(by, seed + k) for k in range(3)], axis=1)
    return Recorded(truth, series={"onsets.change": series}, track=planted.numbers(values, 60, 0.0))


def _still_and_move(seconds: Floats, seed: int) -> Floats:
    return np.concatenate([planted.wave(part, seed) for part in np.array_split(seconds, 40)])


def test_a_capture_that_drifts_by_a_thousandth_for_twenty_minutes() -> None:
    """Of motion only clips are measured, and the line goes through those."""
    spans = clips(seconds=10, every=45)
    known = moving(DRIFTING)
    clock, found = settle(alignment(MovementAligner()), known, spans)
    assert clock is not None
    assert float(clock.rate) == pytest.approx(1.001, abs=2e-5)
    assert {one.reason for one in found} == {"ok"}
    off = [residual(one, DRIFTING, span) for one, span in zip(found, spans, strict=True)]
    assert max(off) < HALF_FRAME
    assert float(np.median(off)) < 0.01


def test_short_videos_and_own_sound_are_asked_clip_by_clip() -> None:
    one, known = alignment(Envelope()), recordings(Clock())
    assert lines_of([one], clips(), Span(F(0), F(60)), FPS, known) == ({}, [])
    few = alignment(MovementAligner())
    assert lines_of([few], clips()[:2], WHOLE, FPS, known) == ({}, [])
    fixed = alignment(Envelope(), repair=False)
    assert lines_of([fixed], clips(), WHOLE, FPS, known) == ({}, [])
