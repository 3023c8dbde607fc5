"""Transcripts and notes as JSON: segments with words, or plain intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, ClassVar

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid
from curator.align.read.cues import Draft, Drafts, exact_seconds
from curator.align.read.documents import number, read_document, read_rows
from curator.align.read.timeline import TimeUnit
from curator.model.track import TextTrack

__all__ = ["Words"]

_STARTS = ("start_seconds", "start", "begin", "start_time", "t0")
_ENDS = ("end_seconds", "end", "stop", "end_time", "t1")
_DURATIONS = ("duration_seconds", "duration")
_TEXTS = ("text", "word", "label", "caption", "sentence", "instruction", "value")
_LISTS = ("segments", "words", "word_segments", "cues", "intervals", "annotations", "chunks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """JSON and JSONL of text with times: Whisper and WhisperX transcripts, free annotations.

    A document is a list of intervals, or has one under ``segments`` (``words`` inside each),
    ``words``, ``cues``, ``intervals``, ``annotations``, ``chunks`` (``timestamp: [start, end]``) or
    ``transcription`` (whisper.cpp, in ms). JSONL has an interval in each line. Keys are found by
    their usual names (``start_seconds``, ``start`` ...; ``text``, ``label`` ...) or named here. A
    word without times (WhisperX could not align it) stays in its segment's text alone.

    An interval without a start is true throughout: it lasts as long as the video.
    """

    name: ClassVar[str] = "json"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".ndjson")
    extra: ClassVar[str | None] = None

    start: str | None = None
    """Key of the start; by its usual names unless given."""
    end: str | None = None
    """Key of the end; by its usual names unless given."""
    text: str | None = None
    """Key of the text; by its usual names unless given."""
    speaker: str = "speaker"
    """Key of who speaks."""
    unit: TimeUnit = TimeUnit.s
    """What start and end count."""
    by: str | None = None
    """Key whose value names the track: one track for each kind of note. One track for all unless given."""
    video: str | None = None
    """Key that names a row's video, where one file annotates many: only this video's rows are read."""
    language: str | None = None
    """BCP 47 language of the text; as the file says unless given."""

    def read(self, file: Sidecar) -> Mapping[str, TextTrack]:
        """The tracks by the value of `by`, or one; see `curator.abc.reader.TrackReader.read`."""
        language, rows = self._rows(file)
        tracks: dict[str, Drafts] = {} if self.by else {"": Drafts()}
        for where, row in rows:
            if not isinstance(row, Mapping):
                raise invalid(file, "is no object with a start, an end and a text", at=where)
            if self.video is not None and not self._is_meant(file, row.get(self.video)):
                continue
            drafts = tracks.setdefault(self._track(file, row, where), Drafts())
            drafts.drafts.append(self._draft(file, row, where, drafts))
        return {
            name: drafts.track(language=self.language or language, video_seconds=file.video_seconds)
            for name, drafts in sorted(tracks.items())
        }

    def _rows(self, file: Sidecar) -> tuple[str | None, Iterable[tuple[str, Any]]]:
        if PurePosixPath(file.name).suffix.lower() in {".jsonl", ".ndjson"}:
            return None, read_rows(file)
        document = read_document(file)
        if isinstance(document, list):
            return None, _numbered("", document)
        if not isinstance(document, Mapping):
            raise invalid(file, "is neither a list nor an object", at="line 1")
        language = document.get("language")
        said = language if isinstance(language, str) else None
        if isinstance(cpp := document.get("transcription"), list):
            return said, _from_cpp(cpp)
        for name in _LISTS:
            if isinstance(document.get(name), list):
                return said, _numbered(name, document[name])
        message = f"has none of {', '.join(_LISTS)}"
        raise invalid(file, message, hint="a list of intervals, or JSONL, can be read too")

    def _is_meant(self, file: Sidecar, named: Any) -> bool:
        if file.video is None:
            message = f"'{self.video}' names videos, but which video this is about is not known"
            raise invalid(file, message)
        if not isinstance(named, str) or not named:
            return False
        wanted, given = PurePosixPath(named).parts, PurePosixPath(file.video).parts
        return given[-len(wanted) :] == wanted

    def _track(self, file: Sidecar, row: Mapping[str, Any], where: str) -> str:
        if self.by is None:
            return ""
        named = row.get(self.by)
        if not isinstance(named, str):
            raise invalid(file, f"has no '{self.by}'", at=where)
        return named

    def _draft(self, file: Sidecar, row: Mapping[str, Any], where: str, drafts: Drafts) -> Draft:
        start, end = self._times(file, row, where)
        text = row.get(self.text) if self.text else _first(row, _TEXTS)
        if not isinstance(text, str):
            raise invalid(file, f"has no '{self.text or 'text'}'", at=where)
        who = row.get(self.speaker)
        words = row.get("words")
        listed = words if isinstance(words, list) else []
        return Draft(
            start=start or Fraction(0),
            end=end,
            text=text,
            where=where,
            speaker=str(who) if isinstance(who, str | int) and not isinstance(who, bool) else None,
            words=tuple(self._words(file, listed, where, drafts)),
        )

    def _times(
        self, file: Sidecar, row: Mapping[str, Any], where: str
    ) -> tuple[Fraction | None, Fraction | None]:
        pair = row.get("timestamp")
        if self.start is None and isinstance(pair, list) and len(pair) == 2:
            return tuple(  # type: ignore[return-value]  # a pair of two
                None if one is None else self._seconds(file, one, where, "timestamp")
                for one in pair
            )
        begin = row.get(self.start) if self.start else _first(row, _STARTS)
        finish = row.get(self.end) if self.end else _first(row, _ENDS)
        if self.start and begin is None:
            raise invalid(file, f"has no '{self.start}'", at=where)
        start = None if begin is None else self._seconds(file, begin, where, "start")
        if finish is not None:
            return start, self._seconds(file, finish, where, "end")
        lasting = _first(row, _DURATIONS) if self.end is None else None
        if lasting is None or start is None:
            return start, None
        return start, start + self._seconds(file, lasting, where, "duration")

    def _seconds(self, file: Sidecar, value: Any, where: str, name: str) -> Fraction:
        found = number(file, value, where, name)
        try:
            return exact_seconds(found, None if self.unit is TimeUnit.s else self.unit.value)
        except ValueError as error:
            raise invalid(file, str(error), at=where) from error

    def _words(
        self, file: Sidecar, words: list[Any], where: str, drafts: Drafts
    ) -> Iterator[Draft]:
        for place, word in _numbered(f"{where} words", words):
            if not isinstance(word, Mapping):
                raise invalid(file, "is no object with a start, an end and a word", at=place)
            start, end = self._times(file, word, place)
            text = _first(word, ("word", "text"))
            if not isinstance(text, str):
                raise invalid(file, "has no 'word'", at=place)
            if start is None:
                drafts.note(place, f"'{text.strip()[:40]}' has no time")
                continue
            yield Draft(start=start, end=end, text=text, where=place)


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _numbered(name: str, rows: list[Any]) -> Iterator[tuple[str, Any]]:
    return ((f"{name}[{number}]", row) for number, row in enumerate(rows))


def _from_cpp(rows: list[Any]) -> Iterator[tuple[str, Any]]:
    """Segments of whisper.cpp: ``offsets: {from, to}`` in ms, and the text."""
    for where, row in _numbered("transcription", rows):
        offsets = row.get("offsets") if isinstance(row, Mapping) else None
        if isinstance(offsets, Mapping):
            begin, finish = offsets.get("from"), offsets.get("to")
            if isinstance(begin, int) and isinstance(finish, int):
                yield where, {**row, "start": begin / 1000, "end": finish / 1000}
                continue
        yield where, None
