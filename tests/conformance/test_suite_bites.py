"""The conformance suite fails measures that break the contract, and passes one that keeps it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from curator.abc.measure import AudioNeed, ClipSeries, FrameNeed, Measure, Need, Tile, View, Weight
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec, Support
from curator.testing.measure import MeasureTests

_calls = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """Change of mean luma.

    Typical: 0.
    Source: this file.
    """

    name: ClassVar[str] = "good"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = None
    cost: ClassVar[float] = 0.001
    series: ClassVar[tuple[SeriesSpec, ...]] = (
        SeriesSpec(name="change", unit="luma", about="change", support=Support.pair),
        SeriesSpec(name="mean", unit="luma", about="mean"),
    )
    signals: ClassVar[tuple[SignalSpec, ...]] = (SignalSpec(name="most", unit="luma", about="max"),)

    @property
    def needs(self) -> Mapping[str, Need]:
        return {"luma": FrameNeed(view=View.luma, fps=Fraction(2), before=1)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        return ()

    def start(self, weights: Mapping[str, Path]) -> GoodRunning:
        return GoodRunning()

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        mean = clip.series.get("mean")
        if mean is None or not len(mean):
            return {"most": Signal(None, absent="too-short")}
        return {"most": Signal(float(mean.values.max()))}


class GoodRunning:
    def tile(self, tile: Tile) -> Mapping[str, Series]:
        block = tile.frames["luma"]
        mean = block.pixels.mean(axis=(1, 2)).astype(np.float32)
        change = np.diff(mean, prepend=np.float32(np.nan))[block.own]
        return {"change": block.series(change), "mean": block.series(mean[block.own])}


class TestGood(MeasureTests):
    measure = Good()


def _running(tile: Callable[[GoodRunning, Tile], Mapping[str, Series]]) -> type:
    return type("Running", (GoodRunning,), {"tile": tile})


def _bad(name: str, /, **members: object) -> Measure:
    """`Good` with some of its members replaced."""
    made = type(name, (Good,), {"__doc__": Good.__doc__, "__slots__": (), **members})
    globals()[name] = made  # so that it can be pickled
    made.__module__ = __name__
    return made()


def _starting(running: type) -> Callable[..., object]:
    return lambda _self, _weights: running()


def _replace(name: str, change: Callable[[Series, Tile], Series | None]) -> type:
    def tile(self: GoodRunning, tile: Tile) -> Mapping[str, Series]:
        made = dict(GoodRunning.tile(self, tile))
        other = change(made.pop(name), tile)
        return made if other is None else {**made, name: other}

    return _running(tile)


class _Remembers(GoodRunning):
    def __init__(self) -> None:
        self.last = 0.0

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        made = dict(super().tile(tile))
        mean = made["mean"]
        made["mean"] = Series(mean.ticks, mean.time_base, mean.values + np.float32(self.last))
        self.last = float(mean.values.mean())
        return made


def _writes(_self: GoodRunning, tile: Tile) -> Mapping[str, Series]:
    tile.frames["luma"].pixels[:] = 0
    return GoodRunning().tile(tile)


def _forces(_self: GoodRunning, tile: Tile) -> Mapping[str, Series]:
    made = GoodRunning().tile(tile)
    pixels = tile.frames["luma"].pixels
    pixels.setflags(write=True)
    pixels[:1] = 255 - pixels[:1]
    pixels.setflags(write=False)
    return made


def _with(values: Callable[[Series, Tile], object]) -> Callable[[Series, Tile], Series]:
    def change(series: Series, tile: Tile) -> Series:
        return Series(series.ticks, series.time_base, np.asarray(values(series, tile)))

    return change


_COUNTING = _replace("mean", _with(lambda s, _: s.values + np.float32(next(_calls))))
_DOUBLE = _replace("mean", _with(lambda s, _: s.values.astype(np.float64)))
_INFINITE = _replace("mean", _with(lambda s, _: np.full(len(s), np.inf, np.float32)))
_DIVIDES = _replace(
    "mean", _with(lambda s, t: s.values / np.float32(t.frames["luma"].pixels.std()))
)
_LATE = _replace(
    "mean", lambda s, _: Series(s.ticks + 10**6, s.time_base, s.values) if len(s) else s
)
_VIEWS = _replace(
    "mean", _with(lambda s, t: t.frames["luma"].pixels[t.frames["luma"].own][:, 0, 0])
)
_LEAVES_OUT = _replace("mean", lambda _s, _t: None)

_CHANGE, _MEAN = Good.series
_RATIO = SeriesSpec(name="mean", unit="ratio", about="mean")
_NO_UNIT = SeriesSpec(name="mean", unit="", about="mean")
_SOUND = {"sound": AudioNeed()}


def _no_context(_self: object) -> Mapping[str, Need]:
    return {"luma": FrameNeed(view=View.luma, fps=Fraction(2))}


def _zero(_self: object, _clip: ClipSeries) -> Mapping[str, Signal]:
    return {"most": Signal(0.0)}


def _sentence(_self: object, clip: ClipSeries) -> Mapping[str, Signal]:
    absent = Signal(None, absent="Nothing there!")
    return {"most": Signal(1.0) if clip.series.get("mean") else absent}


def _nothing(_self: object, _clip: ClipSeries) -> Mapping[str, Signal]:
    return {}


@pytest.mark.parametrize(
    ("test", "measure"),
    [
        ("docstring_says_what_is_typical", _bad("Undocumented", __doc__="Change of luma.")),
        ("declared_names_and_units", _bad("NoUnit", series=(_CHANGE, _NO_UNIT))),
        ("declared_names_and_units", _bad("Twice", series=(_CHANGE, _MEAN, _MEAN))),
        ("declared_names_and_units", _bad("Shouts", name="Good Measure")),
        ("are_the_declared_ones", _bad("Undeclared", series=(_CHANGE,))),
        ("are_the_declared_ones", _bad("LeavesOut", start=_starting(_LEAVES_OUT))),
        ("are_the_declared_ones", _bad("NoSignal", summarise=_nothing)),
        ("in_their_units", _bad("NotARatio", series=(_CHANGE, _RATIO))),
        ("in_their_units", _bad("Double", start=_starting(_DOUBLE))),
        ("in_their_units", _bad("Infinite", start=_starting(_INFINITE))),
        ("in_their_units", _bad("Late", start=_starting(_LATE))),
        ("gives_the_same_bytes_twice", _bad("Counting", start=_starting(_COUNTING))),
        ("an_empty_clip_has_no_value", _bad("Zero", summarise=_zero)),
        ("an_empty_clip_has_no_value", _bad("Sentence", summarise=_sentence)),
        ("does_not_depend_on_the_tiles_before", _bad("Remembers", start=_starting(_Remembers))),
        ("reach_across_tile_boundaries", _bad("NoContext", needs=property(_no_context))),
        ("frames_are_left_as_they_were", _bad("Forces", start=_starting(_running(_forces)))),
        ("do_not_share_memory", _bad("Views", start=_starting(_VIEWS))),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_measure_that_breaks_the_contract_fails(test: str, measure: Measure) -> None:
    with pytest.raises(AssertionError):
        _law(test, measure)()


@pytest.mark.parametrize(
    ("test", "measure", "error"),
    [
        (
            "frames_are_left_as_they_were",
            _bad("Writes", start=_starting(_running(_writes))),
            ValueError,
        ),
        ("in_their_units", _bad("Divides", start=_starting(_DIVIDES)), RuntimeWarning),
    ],
    ids=["Writes", "Divides"],
)
def test_a_measure_that_stumbles_fails(test: str, measure: Measure, error: type[Exception]) -> None:
    with pytest.raises(error):
        _law(test, measure)()


def test_settings_that_can_be_changed_fail() -> None:
    @dataclass
    class Loose:
        gain: float = 1.0

    with pytest.raises(AssertionError):
        _law("settings_are_a_frozen_record", Loose())()  # type: ignore[arg-type]


def test_sound_that_is_not_there_has_no_series() -> None:
    spec = SeriesSpec(name="level", unit="dB", about="level")

    def tile(_self: GoodRunning, tile: Tile) -> Mapping[str, Series]:
        count = 10 if tile.audio else 1
        ticks = np.arange(count, dtype=np.int64) + tile.index * 40
        return {"level": Series(ticks, Fraction(1, 10), np.zeros(count, np.float32))}

    measure = _bad(
        "Invents",
        series=(spec,),
        needs=property(lambda _self: _SOUND),
        start=_starting(_running(tile)),
        summarise=lambda _self, _clip: {"most": Signal(None, absent="no-audio")},
    )
    with pytest.raises(AssertionError, match="without sound"):
        _law("in_their_units", measure)()


def _law(part: str, measure: Measure) -> Callable[[], None]:
    """The one law whose name has `part` in it, bound to `measure`."""
    suite = type("Suite", (MeasureTests,), {"measure": measure})()
    names = [name for name in dir(suite) if name.startswith("test_") and part in name]
    assert len(names) == 1, names
    law: Callable[[], None] = getattr(suite, names[0])
    return law
