"""SubRip subtitles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid, read_text
from curator.align.read.cues import Draft, Drafts, clock_seconds, without_tags
from curator.model.track import TextTrack

__all__ = ["Srt"]

_STAMP = r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})(?:[,.](\d{1,9}))?"
_TIMES = re.compile(rf"\s*{_STAMP}\s*(--?-?>|=>)\s*{_STAMP}(?:\s+[XY]\d.*)?\s*")
_ARROW = re.compile(r"\d:\d\d.*(?:->|=>).*|.*-->.*")
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Srt:
    """SubRip (``.srt``). Formatting tags are taken out, line breaks inside a cue stay.

    What can be read without a doubt is read and noted in the track: ``->`` for ``-->``, a missing
    number, dots for commas, text after an empty line. A cue that ends before it starts is left out
    and noted. A line that has an arrow but no two times ends in an error that names it.

    Own parser: pysubs2 1.8, srt 3.5 and webvtt-py 0.6 know no line numbers, and put what they do
    not understand into the text of the cue above it.
    """

    name: ClassVar[str] = "srt"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".srt",)
    extra: ClassVar[str | None] = None

    encoding: str | None = None
    """Character encoding, e.g. ``latin-1``; UTF-8 (or UTF-16 with a byte order mark) unless given."""
    language: str | None = None
    """BCP 47 language of the text: the format does not say."""

    def read(self, file: Sidecar) -> Mapping[str, TextTrack]:
        """The file's one track; see `curator.abc.reader.TrackReader.read`."""
        drafts = Drafts()
        lines = read_text(file, self.encoding).split("\n")
        heads = [number for number, line in enumerate(lines) if _is_head(file, number, line)]
        if not heads and any(line.strip() for line in lines):
            raise invalid(file, "no line has times: this is no SubRip file", at="line 1")
        _leading(lines[: heads[0]] if heads else [], drafts)
        for head, after in pairwise([*heads, len(lines)]):
            _cue(file, lines, head, after, drafts)
        track = drafts.track(language=self.language, video_seconds=file.video_seconds)
        return {"": track}


def _is_head(file: Sidecar, number: int, line: str) -> bool:
    if _TIMES.fullmatch(line):
        return True
    if _ARROW.fullmatch(line):
        message = f"'{line.strip()[:_SHOWN]}' are no two times"
        raise invalid(file, message, at=f"line {number + 1}", hint="00:00:01,000 --> 00:00:02,500")
    return False


def _leading(lines: list[str], drafts: Drafts) -> None:
    for number, line in enumerate(lines):
        if line.strip() and not line.strip().isdigit():
            drafts.note(f"line {number + 1}", "text before the first times, left out")


def _cue(file: Sidecar, lines: list[str], head: int, after: int, drafts: Drafts) -> None:
    """The cue whose times are in line `head`; the next one's are in line `after`."""
    where = f"line {head + 1}"
    match = _TIMES.fullmatch(lines[head])
    assert match is not None, "heads are lines with times"
    try:
        start = clock_seconds(match[1], match[2], match[3], match[4] or "")
        end = clock_seconds(match[6], match[7], match[8], match[9] or "")
    except ValueError as error:
        raise invalid(file, str(error), at=where) from error
    if match[5] != "-->":
        drafts.note(where, f"'{match[5]}' read as '-->'")
    body = _body(lines, head + 1, after, drafts, last=after == len(lines))
    drafts.drafts.append(Draft(start=start, end=end, text=without_tags(body), where=where))


def _body(lines: list[str], first: int, after: int, drafts: Drafts, *, last: bool) -> str:
    """The text between two lines of times, less the number of the next cue."""
    body = [line.strip() for line in lines[first:after]]
    if not last and body and body[-1]:  # the line right above the next times
        if body[-1].isdigit():
            body.pop()
        elif len(body) > 1 and not body[-2]:
            where = f"line {first + len(body)}"
            drafts.note(where, f"'{body.pop()[:_SHOWN]}' instead of a number, left out")
    text = "\n".join(body).strip()
    if "\n\n" in text:
        drafts.note(f"line {first}", "an empty line inside its text")
        text = re.sub(r"\n{2,}", "\n", text)
    return text
