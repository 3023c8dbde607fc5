"""The suite for aligners fails those that break the contract, and passes one that keeps it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from curator.abc.aligner import Aligner, Pair, TrackKind
from curator.align.estimate.activity import Activity
from curator.align.estimate.compare import Band, compare
from curator.model.sync import Offset
from curator.testing.aligner import AlignerTests
from tests.unit.align import planted

_calls = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """How late one wave is against another.

    Typical: 0.
    What fools it: nothing.
    Source: this file.
    """

    name: ClassVar[str] = "good"
    version: ClassVar[int] = 1
    kinds: ClassVar[frozenset[TrackKind]] = frozenset({TrackKind.own_audio})
    measures: ClassVar[Mapping[str, Mapping[str, Any]]] = {"waves": {}}
    of_track: ClassVar[frozenset[str]] = frozenset({"waves.heard"})
    listens: ClassVar[bool] = False
    confidence: ClassVar[str] = "standard deviations"

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        if not {"waves.seen", "waves.heard"} <= set(pair.series):
            return Offset(seconds=None, absent="nothing-there")
        seen, heard = (Activity.of_series(pair.series[f"waves.{k}"]) for k in ("seen", "heard"))
        band = Band(step_seconds=0.01, fine_seconds=0.01, coarse_seconds=0.5)
        return compare(seen, heard, band, span=pair.span, max_offset_seconds=max_offset_seconds)


class Backwards(Good):
    """Says the other sign."""

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        found = Good().estimate(pair, max_offset_seconds=max_offset_seconds)
        return found if found.seconds is None else Offset(seconds=-found.seconds, confidence=9.0)


class Guess(Good):
    """Says something of nothing."""

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        found = Good().estimate(pair, max_offset_seconds=max_offset_seconds)
        return Offset(seconds=0.0) if found.seconds is None else found


class Fickle(Good):
    """Says another number each time."""

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        found = Good().estimate(pair, max_offset_seconds=max_offset_seconds)
        return Offset(seconds=found.seconds, confidence=float(next(_calls)), absent=found.absent)


class Boundless(Good):
    """Looks further than it was asked to."""

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        return Good().estimate(pair, max_offset_seconds=max_offset_seconds + 1)


class Sure(Good):
    """Is sure of everything."""

    def estimate(self, pair: Pair, *, max_offset_seconds: float) -> Offset:
        found = Good().estimate(pair, max_offset_seconds=max_offset_seconds)
        return Offset(seconds=found.seconds, confidence=5.0, absent=found.absent)


def suite(one: Aligner) -> AlignerTests:
    """The suite with `one` and waves."""

    class Suite(AlignerTests):
        aligner = one

        def pair(self, late_seconds: float, seed: int = 0) -> Pair:
            return waves(seed, seed, late_seconds)

        def wrong(self, seed: int) -> Pair:
            return waves(seed, seed + 100, 0.0)

    return Suite()


def waves(seen: int, heard: int, late: float) -> Pair:
    return planted.pair(
        {
            "waves.seen": (25, planted.wave(planted.grid(25), seen, 1, 4)),
            "waves.heard": (100, planted.wave(planted.grid(100) - late, heard, 1, 4)),
        }
    )


LAWS = sorted(name for name in dir(AlignerTests) if name.startswith("test_"))


@pytest.mark.parametrize("law", LAWS)
def test_an_aligner_that_keeps_the_contract_passes(law: str) -> None:
    getattr(suite(Good()), law)()


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Backwards, "test_a_positive_offset_means_that_the_track_is_late"),
        (Backwards, "test_moving_the_track_moves_the_offset_by_as_much"),
        (Guess, "test_what_is_missing_is_a_reason_and_no_guess"),
        (Fickle, "test_the_same_pair_gives_the_same_offset_twice"),
        (Boundless, "test_offsets_stay_within_the_bound"),
        (Sure, "test_right_pairs_stand_out_of_wrong_ones"),
    ],
)
def test_an_aligner_that_breaks_a_law_fails_it(kind: Callable[[], Aligner], law: str) -> None:
    with pytest.raises(AssertionError):
        getattr(suite(kind()), law)()
