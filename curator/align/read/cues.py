"""Cues as they are read, in any order and any state, made into a text track."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from curator.model.span import Span
from curator.model.track import Cue, TextTrack

__all__ = ["Draft", "Drafts", "clock_seconds", "exact_seconds", "without_tags"]

_LONGEST_SECONDS = 10**7
_MOST_NOTES = 100
_TAGS = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")
"""HTML-like tags and the overrides of SubStation Alpha, which some SRT files borrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A cue that nobody has checked yet."""

    start: Fraction
    end: Fraction | None
    """None: until the next one begins."""
    text: str
    where: str
    """Place in the file: ``line 12``."""
    words: tuple[Draft, ...] = ()
    speaker: str | None = None


@dataclass(slots=True)
class Drafts:
    """What has been read so far. Harmless oddities become notes."""

    drafts: list[Draft] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, where: str, message: str) -> None:
        """Say that something was odd but could be read."""
        self.notes.append(f"{where}: {message}")

    def track(self, *, language: str | None, video_seconds: float | None) -> TextTrack:
        """Cues in time order; those without a time or a text of their own are left out.

        Overlaps stay: two people may speak at once. What lies before 0 is cut off.
        """
        ordered = sorted(self.drafts, key=lambda draft: draft.start)
        ends = self._ends(ordered, video_seconds)
        made = [self._cue(draft, end) for draft, end in zip(ordered, ends, strict=True)]
        cues = tuple(cue for cue in made if cue is not None)
        notes = self.notes[:_MOST_NOTES]
        if len(self.notes) > _MOST_NOTES:
            notes.append(f"{len(self.notes) - _MOST_NOTES} further notes are left out")
        return TextTrack(cues=cues, language=language, notes=tuple(notes))

    def _ends(self, ordered: Sequence[Draft], video_seconds: float | None) -> list[Fraction | None]:
        """Where each ends: as the file says, else at the next later start, else with the video."""
        ends: list[Fraction | None] = []
        later = None if video_seconds is None else exact_seconds(video_seconds)
        after: Fraction | None = None
        for draft in reversed(ordered):
            if after is not None and after > draft.start:
                later = after
            ends.append(draft.end if draft.end is not None else later)
            after = draft.start
        return ends[::-1]

    def _cue(self, draft: Draft, end: Fraction | None) -> Cue | None:
        text = draft.text.strip()
        if not text:
            return None
        if end is None:
            self.note(draft.where, "nothing says where it ends, left out")
            return None
        start = max(draft.start, Fraction(0))
        if end <= start:
            what = "end before start" if end < draft.start else "no length"
            self.note(draft.where, "before 0, left out" if end <= 0 else f"{what}, left out")
            return None
        words = self._words(draft.words, end)
        return Cue(span=Span(start, end), text=text, words=words, speaker=draft.speaker)

    def _words(self, drafts: tuple[Draft, ...], end: Fraction) -> tuple[Cue, ...]:
        following = [*(word.start for word in drafts), end][1:]
        made = (
            self._cue(word, word.end if word.end is not None else after)
            for word, after in zip(drafts, following[: len(drafts)], strict=True)
        )
        return tuple(word for word in made if word is not None)


def exact_seconds(value: float, unit: Fraction | None = None) -> Fraction:
    """A number from a file, in `unit` seconds (1 unless given), as the decimal that it was written as.

    Raises:
        ValueError: when it is no time: not finite, or months away.
    """
    if not math.isfinite(value) or abs(value) * (float(unit) if unit else 1) > _LONGEST_SECONDS:
        raise ValueError(f"{value} is no time inside a video")
    # Faster than Fraction(str), and a day of words has 300,000 times.
    exact = Fraction(*Decimal(repr(value)).as_integer_ratio())
    return exact * unit if unit else exact


def clock_seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> Fraction:
    """The parts of ``h:mm:ss.fff`` as seconds.

    Raises:
        ValueError: for minutes or seconds above 59 (minutes may be more where there are no hours).
    """
    if int(seconds) > 59 or (hours is not None and int(minutes) > 59):
        raise ValueError("minutes and seconds go up to 59")
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole + Fraction(int(fraction or 0), 10 ** len(fraction))


def without_tags(text: str) -> str:
    """The words alone; ``\\N`` and ``\\h`` of SubStation Alpha become line ends and spaces."""
    return _TAGS.sub("", text).replace("\\N", "\n").replace("\\h", " ")
