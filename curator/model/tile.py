"""The fixed grid on which a video is measured, so that what was asked together never matters.

A tile is ``[4k, 4k + 4)`` seconds of a video's clock. A measure is computed one whole tile at a
time, from that tile's frames and a declared number of frames before and after it. So its values do
not depend on where a decode pass began or ended, on which other measures were in the pass, or on
which clips asked for it; and a looser threshold measures exactly the tiles that were missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from curator.model.span import Span

__all__ = ["TILE_SECONDS", "TileRange", "Tiles", "tile_of", "tile_span"]

TILE_SECONDS = 4
"""Long enough that context frames are a small share, short enough that a tile's frames fit in memory."""


def tile_span(index: int) -> Span:
    """The seconds of tile `index`."""
    return Span(Fraction(index * TILE_SECONDS), Fraction((index + 1) * TILE_SECONDS))


def tile_of(seconds: Fraction) -> int:
    """The tile that holds an instant."""
    return floor(seconds / TILE_SECONDS)


@dataclass(frozen=True, slots=True, order=True)
class TileRange:
    """Tiles ``first <= k < last``."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last:
            raise ValueError(f"a tile range must not be empty, got [{self.first}, {self.last})")

    @property
    def span(self) -> Span:
        """The seconds of these tiles."""
        return Span(Fraction(self.first * TILE_SECONDS), Fraction(self.last * TILE_SECONDS))

    def __len__(self) -> int:
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Tiles:
    """A set of tiles, kept as sorted disjoint ranges that do not touch."""

    ranges: tuple[TileRange, ...] = ()

    @staticmethod
    def of(indices: Iterable[int]) -> Tiles:
        """The set of these tiles."""
        out: list[TileRange] = []
        for index in sorted(set(indices)):
            if out and out[-1].last == index:
                out[-1] = TileRange(out[-1].first, index + 1)
            else:
                out.append(TileRange(index, index + 1))
        return Tiles(tuple(out))

    @staticmethod
    def covering(spans: Iterable[Span]) -> Tiles:
        """Every tile that shares an instant with one of `spans`."""
        return Tiles.of(
            index
            for span in spans
            for index in range(
                max(0, floor(span.start / TILE_SECONDS)), ceil(span.end / TILE_SECONDS)
            )
        )

    @staticmethod
    def all(count: int) -> Tiles:
        """The first `count` tiles."""
        return Tiles((TileRange(0, count),)) if count > 0 else Tiles()

    def __iter__(self) -> Iterator[int]:
        for part in self.ranges:
            yield from range(part.first, part.last)

    def __len__(self) -> int:
        return sum(len(part) for part in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __or__(self, other: Tiles) -> Tiles:
        return Tiles.of([*self, *other])

    def __and__(self, other: Tiles) -> Tiles:
        return Tiles.of(set(self) & set(other))

    def __sub__(self, other: Tiles) -> Tiles:
        return Tiles.of(set(self) - set(other))
