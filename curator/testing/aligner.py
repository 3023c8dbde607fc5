"""What every aligner must keep to, as a test class to inherit.

    class TestClap(AlignerTests):
        aligner = Clap()

        def pair(self, late_seconds, seed=0):
            ...  # a clip and a track that is that late, made from `seed`

        def wrong(self, seed):
            ...  # a clip and a track that have nothing to do with each other

A positive offset means that the track is late: what happens at time t of the video has the time
stamp t + offset in the track.
"""

from __future__ import annotations

import inspect
import pickle
import re
import warnings
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.abc.aligner import Aligner, Pair, TrackKind
from curator.model.sync import Offset

__all__ = ["AlignerTests"]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SERIES = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class AlignerTests:
    """Laws of `curator.abc.aligner`; inherit and set what follows."""

    aligner: ClassVar[Aligner]
    most_seconds: ClassVar[float] = 0.5
    """Largest offset that is planted and looked for."""
    tolerance_seconds: ClassVar[float] = 0.02
    """How exact offsets of planted data are."""
    examples: ClassVar[int] = 12

    def pair(self, late_seconds: float, seed: int = 0) -> Pair:
        """A clip and its own track, late by `late_seconds`."""
        raise NotImplementedError

    def wrong(self, seed: int) -> Pair:
        """A clip and a track that has nothing to do with it."""
        raise NotImplementedError

    # --- declarations

    def test_the_docstring_says_what_is_typical_what_fools_it_and_where_it_comes_from(self) -> None:
        text = inspect.getdoc(type(self.aligner)) or ""
        for word in ("Typical:", "What fools it:", "Source:"):
            assert word in text, f"the docstring needs a line with '{word}'"

    def test_settings_are_a_frozen_record_of_plain_values(self) -> None:
        assert is_dataclass(type(self.aligner))
        kind: Any = type(self.aligner)
        assert kind.__dataclass_params__.frozen, "an aligner is frozen"
        assert all(spec.kw_only for spec in fields(kind)), "settings are keyword-only"
        assert pickle.loads(pickle.dumps(self.aligner)) == self.aligner  # noqa: S301  # our own bytes

    def test_it_is_an_aligner_with_declared_kinds_and_series(self) -> None:
        aligner = self.aligner
        assert isinstance(aligner, Aligner)
        assert _NAME.fullmatch(aligner.name)
        assert aligner.version >= 1
        assert aligner.kinds
        assert aligner.confidence
        for name in aligner.of_track:
            assert _SERIES.fullmatch(name), f"'{name}' is not 'measure.series'"
            assert name.split(".")[0] in aligner.measures, f"'{name}' is of no measure it asks for"
        if aligner.of_track:
            assert aligner.kinds == {TrackKind.own_audio}, "other tracks are no series"
        assert aligner.measures or aligner.listens, "it looks at nothing"

    # --- results

    def test_a_positive_offset_means_that_the_track_is_late(self) -> None:
        for late in (0.4 * self.most_seconds, -0.4 * self.most_seconds, 0.0):
            assert abs(self._seconds(self.pair(late)) - late) <= self.tolerance_seconds

    def test_moving_the_track_moves_the_offset_by_as_much(self) -> None:
        base = self._seconds(self.pair(0.0))
        reach = 0.9 * self.most_seconds

        @settings(max_examples=self.examples, deadline=None, database=None)
        @given(late=st.floats(-reach, reach))
        def check(late: float) -> None:
            moved = self._seconds(self.pair(late)) - base
            assert abs(moved - late) <= 2 * self.tolerance_seconds

        check()

    def test_the_same_pair_gives_the_same_offset_twice(self) -> None:
        assert self._estimate(self.pair(0.1)) == self._estimate(self.pair(0.1))

    def test_offsets_stay_within_the_bound(self) -> None:
        for seed in range(4):
            for most in (0.05, 0.2):
                found = self._estimate(self.wrong(seed), most)
                assert found.seconds is None or abs(found.seconds) <= most

    def test_right_pairs_stand_out_of_wrong_ones(self) -> None:
        right = [self._estimate(self.pair(0.05, seed)).confidence for seed in range(6)]
        wrong = [self._estimate(self.wrong(seed)) for seed in range(12)]
        worse = [found.confidence for found in wrong if found.seconds is not None]
        assert min(right) > 1, "a right pair is hardly told from a wrong one"
        assert not worse or np.mean(worse) < min(right)
        assert not worse or np.quantile(worse, 0.75) < np.median(right)

    def test_what_is_missing_is_a_reason_and_no_guess(self) -> None:
        whole = self.pair(0.0)
        lacks = [replace(whole, series={}, track=None, heard=None, camera=None)]
        lacks += [
            replace(whole, series={k: v for k, v in whole.series.items() if k != name})
            for name in whole.series
        ]
        lacks += [
            replace(whole, series={k: v.last(0) for k, v in whole.series.items()}),
            replace(whole, series={k: v.last(1) for k, v in whole.series.items()}),
        ]
        for kind, pair in enumerate(lacks):
            found = self._estimate(pair)
            if found.absent is not None:
                assert _SLUG.fullmatch(found.absent), found.absent
            elif kind == 0:
                raise AssertionError(f"an offset of {found.seconds} from nothing")

    def test_what_it_is_given_is_left_as_it_was(self) -> None:
        pair = self.pair(0.1)
        kept = {name: one.values.tobytes() for name, one in pair.series.items()}
        for one in pair.series.values():
            one.values.setflags(write=False)
        self._estimate(pair)
        assert kept == {name: one.values.tobytes() for name, one in pair.series.items()}

    # --- plumbing

    def _estimate(self, pair: Pair, most: float | None = None) -> Offset:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            bound = self.most_seconds if most is None else most
            return self.aligner.estimate(pair, max_offset_seconds=bound)

    def _seconds(self, pair: Pair) -> float:
        found = self._estimate(pair)
        assert found.seconds is not None, f"no offset: {found.absent}"
        return found.seconds
