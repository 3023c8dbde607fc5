"""Text by a clip's clock: which cues and words are a clip's own, and what a part of a cue says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from curator.model.span import Span
from curator.model.sync import Clock
from curator.model.track import Cue, TextTrack
from curator.spec.recipe import Partial

__all__ = ["Partial", "spoken_words", "text_on_clip"]


def text_on_clip(track: TextTrack, clock: Clock, span: Span, partial: Partial) -> TextTrack:
    """The cues of a clip, by its clock.

    Words are never cut: a word is in the clip or not, by `partial`, and a cue that has words says
    those that are in. The times of what is in are cut at the clip's ends.
    """
    cues = []
    for cue in track.cues:
        shifted = _shifted(cue, clock, span.start)
        inside = _inside(shifted, Span(Fraction(0), span.seconds), partial)
        if inside is not None:
            cues.append(inside)
    return replace(track, cues=tuple(cues))


def spoken_words(cue: Cue) -> list[str]:
    """What each word of a cue says, with the stops that the cue's text has after it."""
    places = _places(cue)
    if places is None:
        return [word.text.strip() for word in cue.words]
    ends = [*(begin for begin, _ in places[1:]), len(cue.text)]
    return [cue.text[begin:end] for (begin, _), end in zip(places, ends, strict=True)]


def _shifted(cue: Cue, clock: Clock, start: Fraction) -> Cue:
    span = Span(clock.on_video(cue.span.start) - start, clock.on_video(cue.span.end) - start)
    return replace(cue, span=span, words=tuple(_shifted(word, clock, start) for word in cue.words))


def _inside(cue: Cue, clip: Span, partial: Partial) -> Cue | None:
    if not cue.words:
        cut = cue.span.clip(clip)
        return replace(cue, span=cut) if cut is not None and _belongs(cue, clip, partial) else None
    kept = [index for index, word in enumerate(cue.words) if _belongs(word, clip, partial)]
    if not kept:
        return None
    words = tuple(_cut(cue.words[index], clip) for index in kept)
    span = cue.span.clip(clip) or Span(words[0].span.start, words[-1].span.end)
    return replace(cue, span=span, words=words, text=_said(cue, kept))


def _belongs(cue: Cue, clip: Span, partial: Partial) -> bool:
    if partial is Partial.overlap:
        return cue.span.overlaps(clip)
    if partial is Partial.inside:
        return clip.start <= cue.span.start and cue.span.end <= clip.end
    return (cue.span.start + cue.span.end) / 2 in clip


def _cut(word: Cue, clip: Span) -> Cue:
    cut = word.span.clip(clip)
    assert cut is not None, "what belongs to a clip shares an instant with it"
    return replace(word, span=cut)


def _said(cue: Cue, kept: Sequence[int]) -> str:
    """The part of the cue's text that the kept words make up, with its spaces and stops."""
    if len(kept) == len(cue.words):
        return cue.text
    ends = _places(cue)
    if ends is None:
        return " ".join(cue.words[index].text.strip() for index in kept)
    begin = ends[kept[0]][0]
    # Stops after a word belong to it.
    after = ends[kept[-1] + 1][0] if kept[-1] + 1 < len(ends) else len(cue.text)
    return cue.text[begin:after].strip()


def _places(cue: Cue) -> list[tuple[int, int]] | None:
    """Where each word stands in the cue's text; None when the text is worded otherwise."""
    found, at = [], 0
    for word in cue.words:
        text = word.text.strip()
        begin = cue.text.find(text, at)
        if begin < 0:
            return None
        at = begin + len(text)
        found.append((begin, at))
    return found
