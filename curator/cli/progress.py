"""How a build looks while it runs: bars on a terminal, plain lines in a log, nothing when asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from curator.cli.output import Output
from curator.engine.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["Bars", "Lines", "Tally", "progress_for"]

_SECONDS_BETWEEN_LINES = 10.0
_NAME_WIDTH = 22


def progress_for(output: Output) -> Progress:
    """Bars where a person watches stderr, lines where a file does."""
    if output.quiet:
        return Silent()
    return Bars() if sys.stderr.isatty() else Lines(output.complain, verbose=output.verbose)


@dataclass(slots=True)
class Tally:
    """What has happened so far, in figures. `clock` is in seconds."""

    clock: Callable[[], float] = time.monotonic
    total_videos: int = 0
    total_seconds: float | None = None
    videos: int = 0
    failed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds of video by pass."""
    totals: dict[str, float] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    started: float = 0.0
    last: float = 0.0
    """When something happened last: a pass that nobody announced began then."""

    def start(self, total_videos: int, total_seconds: float | None) -> None:
        """The build begins."""
        self.total_videos, self.total_seconds = total_videos, total_seconds
        self.started = self.last = self.clock()

    def open(self, name: str, total_seconds: float | None) -> None:
        """A pass begins, or learns how much there is to do."""
        self.seconds.setdefault(name, 0.0)
        self.began.setdefault(name, self.last)
        self.last = self.clock()
        if total_seconds is not None:
            self.totals[name] = total_seconds

    def advance(self, name: str, video_seconds: float, frames: int) -> None:
        """A pass got on."""
        self.open(name, None)
        self.seconds[name] += video_seconds
        self.frames += frames

    def done(self, outcome: str) -> None:
        """A video is decided."""
        self.videos += 1
        self.failed += outcome == "failed"

    def rate(self, name: str) -> float:
        """Seconds of video per second of the clock, since the pass began."""
        elapsed = self.clock() - self.began[name]
        return self.seconds[name] / elapsed if elapsed > 0 else 0.0

    def remaining_seconds(self) -> float | None:
        """Until every video is decided, if the rest takes as long as the first; None before the first."""
        if not self.videos:
            return None
        elapsed = self.clock() - self.started
        return elapsed / self.videos * max(0, self.total_videos - self.videos)

    def line(self) -> str:
        """All of it in one line."""
        parts = [f"{self.videos}/{self.total_videos} videos"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        parts += [
            f"{_short(name).rstrip()} {_hours(seconds)} at {self.rate(name):.1f}x real time"
            for name, seconds in self.seconds.items()
        ]
        left = self.remaining_seconds()
        if left is not None and self.videos < self.total_videos:
            parts.append(f"about {_clock(left)} left")
        return ", ".join(parts)


class Lines:
    """A line now and then, and one for each video that failed."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        verbose: bool = False,
    ) -> None:
        self._say = say
        self._verbose = verbose
        self._tally = Tally(clock)
        self._last = clock()

    def start(self, total_videos: int, total_seconds: float | None) -> None:
        """Say how much there is."""
        self._tally.start(total_videos, total_seconds)
        hours = "" if total_seconds is None else f", {_hours(total_seconds)}"
        self._say(f"{total_videos} videos{hours}")

    def pass_started(self, name: str, total_seconds: float | None) -> None:
        """Nothing to say yet."""
        self._tally.open(name, total_seconds)

    def advance(self, pass_name: str, video_seconds: float, frames: int) -> None:
        """Say how far it is, when it is time."""
        self._tally.advance(pass_name, video_seconds, frames)
        if self._tally.clock() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = self._tally.clock()
            self._say(self._tally.line())

    def video_done(self, url: str, outcome: str) -> None:
        """Say so when it failed."""
        self._tally.done(outcome)
        if outcome == "failed" or self._verbose:
            self._say(f"{outcome}: {url}")

    def note(self, text: str) -> None:
        """Say it."""
        self._say(text)

    def finish(self) -> None:
        """Say how it ended."""
        self._say(self._tally.line())


class Bars:
    """Bars on stderr: videos, and each pass with its rate."""

    def __init__(self, console: Any = None) -> None:
        # Not at the top: `--help` and completion need no bars.
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._tally = Tally()
        self._bars: RichProgress = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[figures]}", markup=False),
            console=console or Console(stderr=True),
            transient=False,
        )
        self._tasks: dict[str, TaskID] = {}

    def start(self, total_videos: int, total_seconds: float | None) -> None:
        """Draw the first bar."""
        self._tally.start(total_videos, total_seconds)
        self._tasks[""] = self._bars.add_task(_short("videos"), total=total_videos, figures="")
        self._bars.start()
        self._show()

    def pass_started(self, name: str, total_seconds: float | None) -> None:
        """Draw a bar for the pass; without a total it only moves."""
        self._tally.open(name, total_seconds)
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(_short(name), total=None, figures="")
        self._bars.update(self._tasks[name], total=self._tally.totals.get(name))

    def advance(self, pass_name: str, video_seconds: float, frames: int) -> None:
        """Move a bar."""
        if pass_name not in self._tasks:
            self.pass_started(pass_name, None)
        self._tally.advance(pass_name, video_seconds, frames)
        tally = self._tally
        done = tally.seconds[pass_name]
        figures = f"{_hours(done)}  {tally.rate(pass_name):.1f}x real time"
        self._bars.update(self._tasks[pass_name], completed=done, figures=figures)
        self._show()

    def video_done(self, url: str, outcome: str) -> None:
        """Move the bar of videos."""
        self._tally.done(outcome)
        if outcome == "failed":
            self.note(f"failed: {url}")
        self._show()

    def note(self, text: str) -> None:
        """A line above the bars; never read as markup."""
        self._bars.console.print(text, markup=False, highlight=False)

    def finish(self) -> None:
        """Leave the bars as they are."""
        for name, task in self._tasks.items():
            if name:  # a pass of unknown length is over now
                self._bars.update(task, total=self._tally.seconds[name])
        self._bars.stop()

    def _show(self) -> None:
        tally = self._tally
        left = tally.remaining_seconds()
        figures = f"{tally.videos}/{tally.total_videos}"
        figures += f"  {tally.failed} failed" if tally.failed else ""
        figures += f"  about {_clock(left)} left" if left else ""
        self._bars.update(self._tasks[""], completed=tally.videos, figures=figures)


def _short(name: str) -> str:
    """A name that leaves room for figures: passes are called after all that they measure."""
    width = _NAME_WIDTH
    return f"{name:<{width}}" if len(name) <= width else f"{name[: width - 1]}…"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h" if seconds >= 360 else f"{seconds:.0f} s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
