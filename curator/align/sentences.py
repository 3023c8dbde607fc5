"""Sentences of a transcript: where somebody begins to say something, and where it is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from curator.align.words import spoken_words
from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import Cue, TextTrack

__all__ = ["sentences"]

_STOPS = frozenset(".?!…。！？｡؟۔।")  # noqa: RUF001 - stops of other scripts
_CLOSERS = "\"'”’»)]}›」』*_"  # noqa: RUF001
_OPENERS = "\"'“‘«([{¿¡-"  # noqa: RUF001
_POINTED = (
    "mr mrs ms dr prof st sr jr vs vol fig approx dept est inc ltd co capt col gen lt sgt rev hon "
    "e.g i.e cf a.m p.m u.s u.k d.c bzw z.b usw ca nr"
)
"""Words that have a point and go on. A single letter is an initial."""
_NO_SPEECH = re.compile(r"\s*(?:[\[(♪♫*].*[\])♪♫*]|[♪♫]+)\s*", re.DOTALL)
"""Captions of sounds and songs: ``[applause]``, ``♪ la la ♪``."""
_BETWEEN_SECONDS = Fraction(2)
"""A silence as long as this ends a sentence, whatever was written."""
_LEAST_STOPS = 10
"""Cues for each that ends with a stop, at most: in text with fewer of them stops mean nothing."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word with its time, or a cue whose words have none."""

    span: Span
    text: str
    speaker: str | None
    last: bool
    """Whether it ends its cue."""


def sentences(track: TextTrack, clock: Clock | None = None) -> list[Span]:
    """The sentences of a transcript on the video's clock, sorted and apart; those that overlap are one.

    A sentence ends with a word, or a cue without times of words, that ends with a stop; where the speaker
    changes; and before a silence of two seconds. In a transcript without stops every cue is a sentence.
    """
    clock = clock or Clock()
    pieces = [piece for cue in track.cues for piece in _pieces(cue, clock)]
    every_cue = not _has_stops(pieces)
    out: list[Span] = []
    start: Fraction | None = None
    for piece, after in pairwise([*pieces, None]):
        assert piece is not None, "only what follows the last one is missing"
        start = piece.span.start if start is None else start
        if _ends(piece, after) or (every_cue and piece.last):
            out.append(Span(start, max(piece.span.end, start + Fraction(1, 1000))))
            start = None
    return _apart(out)


def _pieces(cue: Cue, clock: Clock) -> Iterator[_Piece]:
    parts = [cue] if not cue.words else cue.words
    texts = spoken_words(cue) if cue.words else [cue.text]
    for number, (part, text) in enumerate(zip(parts, texts, strict=True), 1):
        span = Span(clock.on_video(part.span.start), clock.on_video(part.span.end))
        yield _Piece(span, text.strip(), part.speaker or cue.speaker, number == len(parts))


def _has_stops(pieces: Sequence[_Piece]) -> bool:
    cues = sum(piece.last for piece in pieces)
    stops = sum(_stops(piece.text) for piece in pieces)
    return stops * _LEAST_STOPS >= cues


def _ends(piece: _Piece, after: _Piece | None) -> bool:
    """Whether a sentence ends with a piece."""
    if after is None or piece.speaker != after.speaker:
        return True
    if after.span.start - piece.span.end >= _BETWEEN_SECONDS:
        return True
    if piece.last and _NO_SPEECH.fullmatch(piece.text):
        return True
    if piece.last and _NO_SPEECH.fullmatch(after.text):
        return True
    return _stops(piece.text)


def _stops(text: str) -> bool:
    bare = text.rstrip().rstrip(_CLOSERS).rstrip()
    if bare[-1:] not in _STOPS:
        return False
    if bare[-1] != "." or bare.endswith(".."):
        return True
    word = bare.split()[-1].lstrip(_OPENERS).rstrip(".").lower()
    return word not in _POINTED.split() and not (len(word) == 1 and word.isalpha())


def _apart(said: Sequence[Span]) -> list[Span]:
    """Sentences, those that overlap as one; those that only meet stay apart."""
    out: list[Span] = []
    for span in sorted(said):
        if out and span.start < out[-1].end:
            out[-1] = Span(out[-1].start, max(out[-1].end, span.end))
        else:
            out.append(span)
    return out
