"""What every measure must keep to, as a test class to inherit.

    class TestSharpness(MeasureTests):
        measure = Sharpness()

A measure with weights overrides `weights` with the paths of its files. Synthetic footage, and the
helpers `run` and `summary` for tests with a known answer, are in `curator.testing.tiles`.
"""

from __future__ import annotations

import inspect
import math
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.abc.measure import AudioNeed, ClipSeries, FrameNeed, Gatherer, Measure, Running, Tile
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, Support
from curator.model.span import Span
from curator.model.tile import tile_span
from curator.testing.tiles import Footage, join, run, summary, tiles_of, video_info

__all__ = ["MeasureTests", "scene"]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class MeasureTests:
    """Laws of `curator.abc.measure`; inherit and set `measure`."""

    measure: ClassVar[Measure]

    def weights(self) -> Mapping[str, Path]:
        """Paths of the measure's model files by name."""
        assert not self.measure.weights, "override `weights` with the paths of the model files"
        return {}

    # --- declarations

    def test_the_docstring_says_what_is_typical_and_where_it_comes_from(self) -> None:
        text = inspect.getdoc(type(self.measure)) or ""
        for word in ("Typical", "Source:"):
            assert word in text, f"the docstring needs a line with '{word}'"

    def test_settings_are_a_frozen_record_of_plain_values(self) -> None:
        measure = self.measure
        assert is_dataclass(type(measure))
        kind: Any = type(measure)
        assert kind.__dataclass_params__.frozen, "a measure is frozen"
        assert all(spec.kw_only for spec in fields(kind)), "settings are keyword-only"
        assert hash(measure) == hash(pickle.loads(pickle.dumps(measure)))  # noqa: S301  # our own bytes
        assert pickle.loads(pickle.dumps(measure)) == measure  # noqa: S301

    def test_it_is_a_measure_with_declared_names_and_units(self) -> None:
        measure = self.measure
        assert isinstance(measure, Measure)
        assert _NAME.fullmatch(measure.name)
        assert measure.version >= 1
        assert measure.cost >= 0
        assert measure.series or measure.signals, "it reports nothing"
        for specs in (measure.series, measure.signals):
            names = [spec.name for spec in specs]
            assert len(set(names)) == len(names), f"declared twice: {names}"
            for spec in specs:
                assert _NAME.fullmatch(spec.name), spec.name
                assert spec.unit, f"'{spec.name}' has no unit"
                assert spec.about, f"'{spec.name}' does not say what it is about"
        assert bool(measure.series) == bool(measure.needs), (
            "series come from needs, and only from them"
        )

    # --- results

    def test_reported_series_and_signals_are_the_declared_ones(self) -> None:
        measure = self.measure
        series = self._run(scene())
        assert set(series) == {spec.name for spec in measure.series}
        signals = self._summary(scene())
        assert set(signals) == {spec.name for spec in measure.signals}
        _check_signals(measure, signals)

    def test_values_lie_on_the_tiles_own_times_and_in_their_units(self) -> None:
        for footage in (scene(), *_extremes()):
            for tile, result in self._tiles(footage):
                _check_tile(self.measure, tile, result)
            _check_signals(self.measure, self._summary(footage))

    def test_the_same_tile_gives_the_same_bytes_twice(self) -> None:
        assert self._run(scene()) == self._run(scene())

    def test_an_empty_clip_has_no_value_rather_than_a_low_one(self) -> None:
        measure = self.measure
        if not measure.series:
            return  # container facts hold for any clip
        late = Span(Fraction(10**6), Fraction(10**6 + 1))
        empty = {name: values.within(late) for name, values in self._run(scene()).items()}
        for series in (empty, {}):
            signals = measure.summarise(ClipSeries(late, video_info(scene()), series))
            assert set(signals) == {spec.name for spec in measure.signals}
            for name, signal in signals.items():
                assert signal.absent is not None, f"'{name}' has value {signal.value} of nothing"
                assert _SLUG.fullmatch(signal.absent), signal.absent

    def test_any_clip_can_be_summarised(self) -> None:
        measure, footage = self.measure, scene()
        series, info = self._run(footage), video_info(footage)
        pairs = {spec.name for spec in measure.series if spec.support is Support.pair}

        @settings(max_examples=15, deadline=None, database=None)
        @given(start=st.integers(0, 230), length=st.integers(1, 60))
        def check(start: int, length: int) -> None:
            span = Span(Fraction(start, 25), Fraction(start + length, 25))
            inside = {k: v.within(span, skip_first=k in pairs) for k, v in series.items()}
            signals = measure.summarise(ClipSeries(span, info, inside))
            assert set(signals) == {spec.name for spec in measure.signals}
            _check_signals(measure, signals)

        check()

    def test_what_is_gathered_comes_from_what_tiles_gave(self) -> None:
        measure = self.measure
        if not isinstance(measure, Gatherer):
            return
        tiles = join([result for _, result in self._tiles(scene())])
        found = measure.gather(tiles)
        assert dict(found) == dict(measure.gather(tiles)), "it is not pure"
        assert not set(found) & set(tiles), "a series comes from tiles or is gathered, not both"
        grids = [series.ticks for series in tiles.values()]
        for spec in measure.series:
            if spec.name in found:
                series = found[spec.name]
                assert any(np.array_equal(series.ticks, grid) for grid in grids), spec.name
                _check_values(spec, series)
        assert not measure.gather({}), "something was gathered from nothing"

    # --- the tile law

    def test_a_tile_does_not_depend_on_the_tiles_before_it(self) -> None:
        tiles = tiles_of(self.measure, scene())
        alone = [self._start().tile(tile) for tile in tiles]
        running = self._start()
        backwards = [running.tile(tile) for tile in reversed(tiles)]
        for index, (one, other) in enumerate(zip(alone, reversed(backwards), strict=True)):
            assert _same(one, other), f"tile {index} changed when others were computed before it"

    def test_frames_beyond_the_declared_context_change_nothing(self) -> None:
        for one, other in zip(_around(other=False), _around(other=True), strict=True):
            ours, theirs = (tiles_of(self.measure, footage)[1] for footage in (one, other))
            if not _same_input(ours, theirs):
                continue  # the declared context reaches into what was changed
            assert _same(self._start().tile(ours), self._start().tile(theirs))

    def test_comparisons_reach_across_tile_boundaries(self) -> None:
        result = self._tiles(scene())
        for spec in self.measure.series:
            if spec.support is not Support.pair or spec.name not in result[1][1]:
                continue
            values = result[1][1][spec.name].values
            if len(values) > 1 and np.isfinite(values[1]).all():
                assert np.isfinite(values[0]).all(), f"'{spec.name}' needs `before` context"

    def test_frames_are_left_as_they_were(self) -> None:
        for tile in tiles_of(self.measure, scene()):
            arrays = _inputs(tile)
            kept = [array.tobytes() for array in arrays]
            assert not any(array.flags.writeable for array in arrays)
            self._start().tile(tile)
            assert kept == [array.tobytes() for array in arrays]

    def test_results_do_not_share_memory_with_frames(self) -> None:
        for tile, result in self._tiles(scene()):
            for name, series in result.items():
                shared = any(np.shares_memory(series.values, array) for array in _inputs(tile))
                assert not shared, f"'{name}' keeps the frames of the tile alive"

    # --- plumbing

    def _start(self) -> Running:
        return self.measure.start(self.weights())

    def _run(self, footage: Footage) -> dict[str, Series]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return run(self.measure, footage, weights=self.weights())

    def _tiles(self, footage: Footage) -> list[tuple[Tile, Mapping[str, Series]]]:
        running = self._start()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return [(tile, running.tile(tile)) for tile in tiles_of(self.measure, footage)]

    def _summary(self, footage: Footage) -> Mapping[str, Signal]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return summary(self.measure, footage, weights=self.weights())


@cache
def scene(*, other: bool = False, size: tuple[int, int] = (180, 320), seconds: int = 9) -> Footage:
    """A textured square that wanders before a textured wall, with a tone: 25 fps, RGB, 48 kHz stereo."""
    rng = np.random.default_rng(int(other))
    height, width = size
    wall = _texture(rng, (height, width + 100))
    square = _texture(rng, (height // 3, width // 4)) // 2 + 100
    frames = np.empty((25 * seconds, height, width, 3), np.uint8)
    for index, frame in enumerate(frames):
        frame[:] = wall[:, index // 5 : index // 5 + width]
        x = int((0.5 + 0.4 * math.sin(index / 9)) * (width - square.shape[1]))
        frame[height // 4 : height // 4 + square.shape[0], x : x + square.shape[1]] = square
    time = np.arange(48_000 * seconds) / 48_000
    tone = 0.2 * np.sin(2 * np.pi * (550 if other else 440) * time)
    return Footage(frames, audio=np.stack([tone, 0.5 * tone]).astype(np.float32))


def _texture(rng: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Grey blobs of 8 px on a slope, with colour: enough structure for every kind of measure."""
    height, width = size
    coarse = rng.integers(30, 220, (height // 8 + 2, width // 8 + 2, 3))
    blobs = np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)[:height, :width]
    return (blobs + np.linspace(0, 30, width)[None, :, None]).clip(0, 255).astype(np.uint8)


@cache
def _extremes() -> tuple[Footage, ...]:
    """Footage on which measures tend to divide by zero."""
    rng = np.random.default_rng(3)
    sound = rng.normal(0, 0.5, (1, 48_000)).clip(-1, 1).astype(np.float32)
    noise = rng.integers(0, 256, (12, 144, 256, 3), dtype=np.uint8)
    return (
        Footage(np.zeros((110, 180, 320, 3), np.uint8), audio=np.zeros((2, 48_000), np.float32)),
        Footage(np.full((30, 180, 320, 3), 255, np.uint8), audio=np.ones((1, 48_000), np.float32)),
        Footage(noise, audio=sound),
        Footage(np.zeros((10, 144, 256), np.uint8), audio=sound, covered=sound[0] > 2),
        Footage(scene().frames[:1], audio=sound),
        Footage(scene().frames[:2], audio=sound[:, :1]),
        Footage(scene().frames[:30], audio=None),
        Footage(scene(size=(16, 16), seconds=1).frames, sample_rate_hz=11_025, audio=sound),
        Footage(scene(size=(48, 64), seconds=1).frames, fps=Fraction(1), audio=sound),
        Footage(scene(size=(320, 180), seconds=1).frames, rotation_degrees=90),
    )


def _inputs(tile: Tile) -> list[npt.NDArray[np.generic]]:
    pictures: list[npt.NDArray[np.generic]] = [block.pixels for block in tile.frames.values()]
    return pictures + [block.samples for block in tile.audio.values()]


@cache
def _around(*, other: bool) -> tuple[Footage, Footage]:
    """The scene's second tile with 1 s of context, in other surroundings: darker, then mirrored."""
    middle = scene(other=other)
    keep, heard = slice(75, 225), slice(3 * 48_000, 9 * 48_000)
    frames, sound = scene().frames, scene().audio
    assert sound is not None
    assert middle.audio is not None
    out = []
    for change in (middle.frames // 2, middle.frames[:, :, ::-1]):
        mixed, noise = change.copy(), np.flip(middle.audio, axis=1).copy()
        mixed[keep] = frames[keep]
        noise[:, heard] = sound[:, heard]
        out.append(Footage(mixed, audio=noise))
    return out[0], out[1]


def _same_input(one: Tile, other: Tile) -> bool:
    pictures = all(
        np.array_equal(block.pixels, other.frames[name].pixels)
        for name, block in one.frames.items()
    )
    return pictures and all(
        np.array_equal(block.samples, other.audio[name].samples)
        for name, block in one.audio.items()
    )


def _same(one: Mapping[str, Series], other: Mapping[str, Series]) -> bool:
    return dict(one) == dict(other)


def _check_tile(measure: Measure, tile: Tile, result: Mapping[str, Series]) -> None:
    specs = {spec.name: spec for spec in measure.series}
    assert set(result) <= set(specs), "a series that was not declared"
    no_sound = bool(measure.needs) and all(
        isinstance(need, AudioNeed) and name not in tile.audio
        for name, need in measure.needs.items()
    )
    if no_sound:
        assert not result, "a video without sound has no series of sound"
    for name, series in result.items():
        _check_times(measure, tile, series)
        _check_values(specs[name], series)


def _check_times(measure: Measure, tile: Tile, series: Series) -> None:
    span = tile_span(tile.index)
    if len(series):
        assert span.start <= series.time(0), "a value before the tile"
        assert series.time(len(series) - 1) < span.end, "a value after the tile"
    grids = [tile.frames[name].ticks[tile.frames[name].own] for name in tile.frames]
    if grids and all(isinstance(need, FrameNeed) for need in measure.needs.values()):
        # One value for each own frame of one of the needs.
        assert any(np.array_equal(series.ticks, grid) for grid in grids)


def _check_values(spec: SeriesSpec, series: Series) -> None:
    values = series.values
    assert _fits(values.shape[1:], spec.shape), f"'{spec.name}' has shape {values.shape[1:]}"
    assert values.dtype.kind in "fiubS", f"'{spec.name}' has dtype {values.dtype}"
    if values.dtype.kind == "S":
        return
    if values.dtype.kind == "f":
        # Half precision is for arrays per frame, which take room; numbers have conditions on them.
        allowed = (np.float16, np.float32) if spec.shape else (np.float32,)
        assert values.dtype in allowed, f"'{spec.name}' is {values.dtype}, not float32"
        values = values[~np.isnan(values)]
        assert np.isfinite(values).all(), f"'{spec.name}' is infinite"
    if spec.unit == "ratio" and len(values):
        assert values.min() >= 0, f"'{spec.name}' is a ratio of {values.min()}"
        assert values.max() <= 1, f"'{spec.name}' is a ratio of {values.max()}"


def _fits(shape: tuple[int, ...], declared: tuple[int | None, ...]) -> bool:
    return len(shape) == len(declared) and all(
        side in (None, given) for side, given in zip(declared, shape, strict=True)
    )


def _check_signals(measure: Measure, signals: Mapping[str, Signal]) -> None:
    units = {spec.name: spec.unit for spec in measure.signals}
    for name, signal in signals.items():
        assert isinstance(signal, Signal)
        if signal.absent is not None:
            assert _SLUG.fullmatch(signal.absent), f"'{name}': {signal.absent} is no slug"
        elif isinstance(signal.value, str):
            assert units[name] == "text", f"'{name}' is text but says {units[name]}"
        elif units[name] == "ratio":
            assert signal.value is not None
            assert 0 <= signal.value <= 1, f"'{name}' is a ratio of {signal.value}"
