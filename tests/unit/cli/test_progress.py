from __future__ import annotations

import io

from rich.console import Console

from curator.cli.output import Output
from curator.cli.progress import Bars, Lines, Tally, progress_for
from curator.engine.progress import Progress, Silent


class Clock:
    """Tells the time that a test says it is."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_seconds_of_video_per_second() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.start(4, None)
    tally.open("scan", None)
    clock.now += 10
    tally.advance("scan", 120, 3000)
    assert tally.rate("scan") == 12.0
    assert tally.frames == 3000


def test_a_pass_that_nobody_announced_began_when_something_happened_last() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.start(2, None)
    clock.now += 10
    tally.advance("scan", 100, 1)
    clock.now += 5
    tally.advance("encode", 10, 1)
    assert tally.rate("encode") == 2.0
    assert tally.rate("scan") == 100 / 15


def test_what_is_left_is_told_once_a_video_is_done() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.start(4, None)
    assert tally.remaining_seconds() is None
    clock.now += 30
    tally.done("ok")
    assert tally.remaining_seconds() == 90.0


def test_lines_are_few_and_failures_are_named() -> None:
    clock, said = Clock(), []
    lines: Progress = Lines(said.append, clock=clock)
    lines.start(3, 7200.0)
    for _ in range(100):
        clock.now += 0.5
        lines.advance("scan", 10, 250)
    lines.video_done("a.mp4", "ok")
    lines.video_done("b.mp4", "failed")
    lines.finish()
    assert said[0] == "3 videos, 2.00 h"
    assert len(said) == 1 + 5 + 1 + 1
    assert said[-2] == "failed: b.mp4"
    assert said[-1].startswith(
        "2/3 videos, 1 failed, scan 0.28 h at 20.0x real time, about 0:25 left"
    )


def test_bars_show_videos_and_passes() -> None:
    screen = io.StringIO()
    bars: Progress = Bars(Console(file=screen, force_terminal=True, width=120))
    bars.start(2, None)
    bars.pass_started("scan", 20.0)
    bars.advance("scan", 10.0, 250)
    bars.advance("encode", 5.0, 125)
    bars.note("[bold]not markup[/bold]")
    bars.video_done("a [red].mp4", "failed")
    bars.finish()
    shown = screen.getvalue()
    for word in ("videos", "1/2", "scan", "encode", "x real time", "[bold]not markup[/bold]"):
        assert word in shown
    assert "failed: a [red].mp4" in shown


def test_a_pipe_gets_lines_and_a_quiet_user_nothing() -> None:
    assert isinstance(progress_for(Output()), Lines)
    assert isinstance(progress_for(Output(quiet=True)), Silent)
