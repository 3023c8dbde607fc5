"""LRC lyrics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid, read_text
from curator.align.read.cues import Draft, Drafts, clock_seconds
from curator.model.track import TextTrack

__all__ = ["Lrc"]

_STAMP = r"(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?"
_LINE_TIME = re.compile(rf"\[{_STAMP}\]")
_WORD_TIME = re.compile(rf"<{_STAMP}>")
_TAG = re.compile(r"\s*\[(#|[A-Za-z]\w*):([^\]]*)\]\s*")
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Lrc:
    """LRC (``.lrc``): lyrics by line, several times for a repeated line, ``<mm:ss.xx>`` words.

    A line lasts until the next one, an empty line ends it, the last one lasts as long as the video.
    ``[offset:ms]`` is applied: positive means that the lyrics come earlier. ``[la:..]`` is the
    language, other tags are skipped.

    Own parser: the libraries for the format read neither words nor offsets.
    """

    name: ClassVar[str] = "lrc"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".lrc",)
    extra: ClassVar[str | None] = None

    encoding: str | None = None
    """Character encoding; UTF-8 (or UTF-16 with a byte order mark) unless given."""
    language: str | None = None
    """BCP 47 language of the lyrics; as the file says unless given."""

    def read(self, file: Sidecar) -> Mapping[str, TextTrack]:
        """The file's one track; see `curator.abc.reader.TrackReader.read`."""
        drafts = Drafts()
        earlier, language, seen = Fraction(0), self.language, False
        lines = read_text(file, self.encoding).split("\n")
        for number, line in enumerate(lines, 1):
            where = f"line {number}"
            if tag := _TAG.fullmatch(line):
                seen = True
                if tag[1].lower() == "offset":
                    earlier = _offset(file, tag[2], where)
                elif tag[1].lower() == "la":
                    language = language or tag[2].strip() or None
            elif line.strip():
                seen = _line(file, line.strip(), where, drafts) or seen
        if not seen and any(line.strip() for line in lines):
            raise invalid(file, "no line has a time: this is no LRC file", at="line 1")
        moved = Drafts([_earlier(draft, earlier) for draft in drafts.drafts], drafts.notes)
        return {"": moved.track(language=language, video_seconds=file.video_seconds)}


def _offset(file: Sidecar, written: str, where: str) -> Fraction:
    if not re.fullmatch(r"\s*[+-]?\d{1,9}\s*", written):
        raise invalid(file, f"'{written.strip()[:_SHOWN]}' is no offset in milliseconds", at=where)
    return Fraction(int(written), 1000)


def _line(file: Sidecar, line: str, where: str, drafts: Drafts) -> bool:
    starts, at = [], 0
    while match := _LINE_TIME.match(line, at):
        starts.append(_time(file, match, where))
        at = match.end()
    if not starts:
        if re.match(r"\[[\d:.]*\]", line):
            raise invalid(file, f"'{line[:_SHOWN]}' has no time", at=where, hint="[01:23.45]words")
        drafts.note(where, "text without a time, left out")
        return False
    body = line[at:].strip()
    text = re.sub(r"\s+", " ", _WORD_TIME.sub(" ", body)).strip()
    for start in starts:
        words = _words(file, body, start, where) if len(starts) == 1 else ()
        drafts.drafts.append(Draft(start=start, end=None, text=text, where=where, words=words))
    return True


def _time(file: Sidecar, match: re.Match[str], where: str) -> Fraction:
    try:
        return clock_seconds(None, match[1], match[2], match[3] or "")
    except ValueError as error:
        raise invalid(file, f"'{match[0]}': {error}", at=where) from error


def _words(file: Sidecar, body: str, start: Fraction, where: str) -> tuple[Draft, ...]:
    """Words by the times before them; a time that ends the line ends the last word."""
    found = list(_WORD_TIME.finditer(body))
    if not found:
        return ()
    begins = [start, *(_time(file, match, where) for match in found)]
    edges = [0, *(match.end() for match in found)]
    ends = [*(match.start() for match in found), len(body)]
    out = []
    for k, (begin, left, right) in enumerate(zip(begins, edges, ends, strict=True)):
        end = begins[k + 1] if k + 1 < len(begins) else None
        if body[left:right].strip():
            out.append(Draft(start=begin, end=end, text=body[left:right], where=where))
    return tuple(out)


def _earlier(draft: Draft, seconds: Fraction) -> Draft:
    return Draft(
        start=draft.start - seconds,
        end=None if draft.end is None else draft.end - seconds,
        text=draft.text,
        where=draft.where,
        words=tuple(_earlier(word, seconds) for word in draft.words),
    )
