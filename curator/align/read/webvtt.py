"""WebVTT captions."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import ClassVar

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid, read_text
from curator.align.read.cues import Draft, Drafts, clock_seconds
from curator.model.track import TextTrack

__all__ = ["WebVtt", "spoken"]

_STAMP = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,](\d{1,9})"
_TIMES = re.compile(rf"\s*{_STAMP}\s*-->\s*{_STAMP}(?:\s.*)?")
_INSIDE = re.compile(rf"<{_STAMP}>")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>")
_TOKENS = re.compile(r"<[^<>]*>")
_LANGUAGE = re.compile(r"language:\s*(\S+)", re.IGNORECASE)
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class WebVtt:
    """WebVTT (``.vtt``): times with or without hours; settings, notes, styles and regions are skipped.

    Tags are taken out and entities resolved. A voice (``<v Anna>``) becomes the cue's speaker; a cue
    with several voices becomes one cue for each, at the same times. Times inside a cue
    (``<00:01.500>``) become words. A line with ``-->`` but no two times ends in an error.

    Own parser: webvtt-py 0.6 skips what it does not understand without a word and gives no words'
    times; pysubs2 1.8 leaves times and voices in the text.
    Format: https://www.w3.org/TR/webvtt1/
    """

    name: ClassVar[str] = "vtt"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".vtt",)
    extra: ClassVar[str | None] = None

    language: str | None = None
    """BCP 47 language of the text; as the file's header says unless given."""

    def read(self, file: Sidecar) -> Mapping[str, TextTrack]:
        """The file's one track; see `curator.abc.reader.TrackReader.read`."""
        lines = read_text(file).split("\n")
        if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0]):
            raise invalid(file, "does not begin with WEBVTT", at="line 1")
        drafts, language = Drafts(), self.language
        for first, block in _blocks(lines):
            if first == 0:
                found = _LANGUAGE.search("\n".join(block))
                language = language or (found[1] if found else None)
            _block(file, first, block, drafts)
        track = drafts.track(language=language, video_seconds=file.video_seconds)
        return {"": track}


def spoken(
    text: str, *, start: Fraction, end: Fraction | None, where: str, drafts: Drafts
) -> list[Draft]:
    """The cues of one payload: one for each voice, with words where there are times inside."""
    pieces = list(_pieces(text, start, where, drafts))
    timed = _INSIDE.search(text) is not None
    order: dict[str | None, list[tuple[Fraction, str]]] = {}
    for moment, speaker, words in pieces:
        order.setdefault(speaker, []).append((moment, words))
    if len(order) > 1 and not "".join(words for _, words in order.get(None, [])).strip():
        order.pop(None, None)
    return [
        Draft(
            start=start,
            end=end,
            text="".join(words for _, words in said),
            where=where,
            speaker=speaker,
            words=_words(said, where) if timed else (),
        )
        for speaker, said in order.items()
    ]


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines without an empty one, with the number of their first.

    A second line of times begins a block of its own, as the format says.
    """
    for empty, group in groupby(enumerate(lines), key=lambda one: not one[1].strip()):
        if empty:
            continue
        block = list(group)
        heads = [k for k, (_, line) in enumerate(block) if "-->" in line]
        edges = [0, *(heads[1:] if not _is_comment(block[0][1]) else ()), len(block)]
        for left, right in pairwise(edges):
            yield block[left][0], [line for _, line in block[left:right]]


def _is_comment(line: str) -> bool:
    return line.split(" ", 1)[0] in {"NOTE", "STYLE", "REGION"}


def _block(file: Sidecar, first: int, block: list[str], drafts: Drafts) -> None:
    if _is_comment(block[0]):
        return
    head = next((k for k, line in enumerate(block) if "-->" in line), len(block))
    if first and head > 1:
        drafts.note(f"line {first + 1}", "text without times, left out")
    if head == len(block):
        return
    where = f"line {first + head + 1}"
    match = _TIMES.fullmatch(block[head])
    if match is None:
        message = f"'{block[head].strip()[:_SHOWN]}' are no two times"
        raise invalid(file, message, at=where, hint="00:01.000 --> 00:02.500")
    try:
        start = clock_seconds(match[1], match[2], match[3], match[4])
        end = clock_seconds(match[5], match[6], match[7], match[8])
    except ValueError as error:
        raise invalid(file, str(error), at=where) from error
    body = "\n".join(line.strip() for line in block[head + 1 :])
    drafts.drafts += spoken(body, start=start, end=end, where=where, drafts=drafts)


def _pieces(
    text: str, start: Fraction, where: str, drafts: Drafts
) -> Iterator[tuple[Fraction, str | None, str]]:
    """(since when, who, what) of a payload, in its order."""
    moment, speaker, at = start, None, 0
    for token in _TOKENS.finditer(text):
        if token.start() > at:
            yield moment, speaker, html.unescape(text[at : token.start()])
        at = token.end()
        if match := _INSIDE.fullmatch(token[0]):
            try:
                moment = clock_seconds(match[1], match[2], match[3], match[4])
            except ValueError:
                drafts.note(where, f"{token[0]} is no time")
        elif voice := _VOICE.fullmatch(token[0]):
            speaker = html.unescape(voice[1]).strip() or None
        elif token[0] == "</v>":
            speaker = None
    if at < len(text):
        yield moment, speaker, html.unescape(text[at:])


def _words(said: list[tuple[Fraction, str]], where: str) -> tuple[Draft, ...]:
    joined = [
        (moment, "".join(words for _, words in group))
        for moment, group in groupby(said, key=lambda one: one[0])
    ]
    return tuple(
        Draft(start=moment, end=None, text=words, where=where)
        for moment, words in joined
        if words.strip()
    )
