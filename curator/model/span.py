"""Time on a video's own clock: exact, half-open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Span", "intersection", "subtract", "total_seconds", "union"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open interval ``[start, end)`` in seconds, exact, never empty.

    Seconds are `Fraction`s because stream clocks are rational (29.97 fps is 30000/1001): two
    spans that meet at a cut meet exactly. Zero is the presentation time of the video's first
    frame.

    Raises:
        ValueError: if ``start >= end``.
    """

    start: Fraction
    end: Fraction

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"a span must not be empty, got [{self.start}, {self.end})")

    @property
    def seconds(self) -> Fraction:
        """Length, seconds."""
        return self.end - self.start

    def overlaps(self, other: Span) -> bool:
        """Whether the two share an instant; spans that only meet do not."""
        return self.start < other.end and other.start < self.end

    def clip(self, other: Span) -> Span | None:
        """The part inside `other`, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def __contains__(self, seconds: Fraction) -> bool:
        return self.start <= seconds < self.end

    def __str__(self) -> str:
        return f"[{float(self.start):.3f}, {float(self.end):.3f})"


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorted, disjoint spans that cover the same instants; spans that meet are joined."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            if span.end > merged[-1].end:
                merged[-1] = Span(merged[-1].start, span.end)
        else:
            merged.append(span)
    return tuple(merged)


def intersection(left: Iterable[Span], right: Iterable[Span]) -> tuple[Span, ...]:
    """The instants in both, sorted and disjoint."""
    a, b = union(left), union(right)
    out: list[Span] = []
    i = j = 0
    while i < len(a) and j < len(b):
        both = a[i].clip(b[j])
        if both is not None:
            out.append(both)
        if a[i].end < b[j].end:
            i += 1
        else:
            j += 1
    return tuple(out)


def subtract(left: Iterable[Span], right: Iterable[Span]) -> tuple[Span, ...]:
    """The instants in `left` and not in `right`, sorted and disjoint."""
    out: list[Span] = []
    holes = union(right)
    for span in union(left):
        start = span.start
        for hole in holes:
            if hole.end <= start or hole.start >= span.end:
                continue
            if hole.start > start:
                out.append(Span(start, hole.start))
            start = max(start, hole.end)
        if start < span.end:
            out.append(Span(start, span.end))
    return tuple(out)


def total_seconds(spans: Iterable[Span]) -> Fraction:
    """Seconds covered, overlaps counted once."""
    return sum((span.seconds for span in union(spans)), Fraction(0))
