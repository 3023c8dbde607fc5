from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from curator.errors import RecipeError, RecipeErrors
from curator.registry import load_measure
from curator.spec.compile import compile_recipe, compile_settings
from curator.spec.document import document, recipe_from_document
from curator.spec.operand import (
    STATISTICS,
    key_settings,
    measure_instance,
    resolve_condition,
    settings_document,
)
from curator.spec.places import ConfigFile, Places, place_of, places_of
from curator.spec.recipe import Absent, MeasureSpec, Recipe

GOOD: dict[str, Any] = {
    "name": "good",
    "target": "avatar",
    "sources": {"films": {"url": "a.mp4", "license": "CC0-1.0"}},
}


def errors_of(node: dict[str, Any], places: Places | None = None) -> Sequence[RecipeError]:
    with pytest.raises(RecipeErrors) as caught:
        compile_recipe(node, places)
    return caught.value.errors


def reasons_of(node: dict[str, Any]) -> list[str]:
    return [error.reason for error in errors_of(node)]


def test_a_small_recipe_is_typed_with_defaults() -> None:
    recipe = compile_recipe(GOOD)
    assert recipe.sources["films"].license == "CC0-1.0"
    assert recipe.segment.seconds.max == 20.0
    assert recipe.sample.audio is not None


def test_values_may_be_written_with_units(plugin: Path) -> None:
    recipe = compile_recipe(
        {
            **GOOD,
            "max_failed": "2%",
            "segment": {"seconds": {"min": "500ms", "max": "1min"}, "forgive_seconds": "200ms"},
            "measure": {"d": {"op": "demo", "window_seconds": "250ms", "most_gib": "512MiB"}},
            "keep": {
                "big": {"of": "d.height_px.median", "min": "720p"},
                "often": {"of": "d.height_px.share", "min": "20%"},
                "loud": {"of": "d.level", "min": "-23LUFS", "absent": "keep"},
                "h264": {"of": "d.codec", "equals": "h264"},
            },
            "sample": {"video": {"height": "512px", "fps": "25fps"}, "audio": {"sample_rate_hz": "16kHz"}},
            "splits": {"test": "5%"},
        }
    )  # fmt: skip
    assert recipe.max_failed == 0.02
    assert recipe.segment.seconds.min == 0.5
    assert recipe.segment.forgive_seconds == 0.2
    assert recipe.measure["d"].params == {"window_seconds": 0.25, "most_gib": 0.5}
    assert recipe.keep["big"].min == 720.0
    assert recipe.keep["often"].min == 0.2
    assert recipe.keep["loud"].min == -23.0
    assert recipe.keep["loud"].absent is Absent.keep
    assert recipe.keep["h264"].equals == "h264"
    assert recipe.sample.video is not None
    assert recipe.sample.video.height == 512
    assert recipe.sample.audio is not None
    assert recipe.sample.audio.sample_rate_hz == 16000
    assert recipe.splits == {"test": 0.05}
    assert recipe_from_document(document(recipe)) == recipe


def test_the_document_is_plain_json_and_reads_back() -> None:
    import json

    recipe = compile_recipe({**GOOD, "sample": {"audio": None}, "rights": "unchecked"})
    written = json.loads(json.dumps(document(recipe), allow_nan=False))
    assert "places" not in written
    assert written["rights"] == "unchecked"
    assert written["segment"]["shots"] == {"op": "cuts"}
    assert recipe_from_document(written) == recipe


EVERY_MISTAKE = """\
name: bad
target: avatar
colour: red
max_failed: 2s
sources:
  films: {url: "films/*.mp4"}
segment:
  shots: {op: cutz}
  seconds: {min: 30s, max: 200ms}
  where:
    clip: {of: demo.level, min: 3}
    still: {of: demo.height_px}
measure:
  sharp: {op: demo, windw_seconds: 1}
  many: {op: demo, count: 77}
  code: {_target_: os.system, op: demo}
keep:
  frame: {of: demo.height_px, min: 3}
  typo: {of: demo.hight_px.median, min: 3}
  stat: {of: demo.height_px.meddian, min: 3}
  ghost: {of: dmo.level, min: 3}
  swapped: {of: demo.level, min: 3, max: 1}
  units: {of: demo.long_seconds, min: 720px}
  words: {of: demo.codec, min: 3}
  shape: {of: demo.points.median, min: 3}
sample:
  video: {height: tall, crf: 77}
"""

EXPECTED = [
    ("recipe-unknown-key", "3:1", None),
    ("recipe-wrong-unit", "4:13", None),
    ("recipe-missing-license", "6:3", "sources.films.license=CC-BY-4.0"),
    ("recipe-unknown-measure", "8:15", "'cuts'"),
    ("recipe-min-above-max", "9:18", None),
    ("recipe-unknown-signal", "11:16", "move it to keep"),
    ("recipe-no-bound", "12:5", "min, max, abs_max or equals"),
    ("recipe-unknown-key", "14:21", "'window_seconds'"),
    ("recipe-out-of-range", "15:3", None),
    ("recipe-target", "16:10", "op: NAME"),
    ("recipe-unknown-signal", "18:15", "demo.height_px.median"),
    ("recipe-unknown-signal", "19:14", "'demo.height_px.median'"),
    ("recipe-unknown-signal", "20:14", "'demo.height_px.median'"),
    ("recipe-unknown-measure", "21:15", "'demo'"),
    ("recipe-min-above-max", "22:34", None),
    ("recipe-wrong-unit", "23:39", None),
    ("recipe-wrong-type", "24:32", None),
    ("recipe-unknown-signal", "25:15", None),
    ("recipe-wrong-type", "27:19", None),
]


def test_all_mistakes_are_reported_at_once_each_where_it_was_written(
    plugin: Path, tmp_path: Path
) -> None:
    import yaml

    file = tmp_path / "bad.yaml"
    file.write_text(EVERY_MISTAKE)
    found = errors_of(yaml.safe_load(EVERY_MISTAKE), places_of([ConfigFile(file)], []))
    places = [(e.reason, f"{e.where.line}:{e.where.column}") for e in found if e.where is not None]
    assert places == [(reason, place) for reason, place, _ in EXPECTED]
    for error, (_, place, hint) in zip(found, EXPECTED, strict=True):
        assert hint is None or hint in (error.hint or ""), (place, error.hint)
        assert error.where is not None
        assert error.where.path == str(file)


def test_a_wrong_unit_names_both(plugin: Path) -> None:
    (error,) = errors_of({**GOOD, "keep": {"x": {"of": "demo.long_seconds", "min": "720px"}}})
    assert "'s'" in error.message
    assert "'px'" in error.message


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"sources": {}}, ["recipe-missing"]),
        ({"sources": {"films": {"url": "???", "license": "x"}}}, ["recipe-missing"]),
        ({"sources": {"films": {"url": "a.mp4", "license": "???"}}}, ["recipe-missing-license"]),
        ({"sources": [{"url": "a.mp4"}]}, ["recipe-wrong-type"]),
        ({"sources": {"a.b": {"url": "a", "license": "x"}}}, ["recipe-bad-name"]),
        ({"name": "Über Name"}, ["recipe-out-of-range"]),
        ({"name": 3}, ["recipe-wrong-type"]),
        ({"name": "???"}, ["recipe-missing"]),
        ({"rights": "some"}, ["recipe-wrong-type"]),
        ({"max_failed": 1.5}, ["recipe-out-of-range"]),
        ({"keep": {"x": {"of": "demo.level", "min": 1, "expect": 0}}}, ["recipe-out-of-range"]),
        ({"segment": {"seconds": {"max": float("inf")}}}, ["recipe-out-of-range"]),
        ({"splits": {"my-test": 0.1}}, ["recipe-out-of-range"]),
        ({"max_failed": True}, ["recipe-wrong-type"]),
        ({"places": {}}, ["recipe-unknown-key"]),
        ({"keep": ["sharp"]}, ["recipe-wrong-type"]),
        ({"keep": {"x": {"min": 1}}}, ["recipe-missing"]),
        ({"keep": {"x": {"of": 7, "min": 1}}}, ["recipe-wrong-type"]),
        ({"keep": {"x": {"of": "demo", "min": 1}}}, ["recipe-unknown-signal"]),
        ({"keep": {"x": {"of": "demo.level", "min": "loud"}}}, ["recipe-wrong-type"]),
        ({"keep": {"x": {"of": "demo.level.mean", "min": 1}}}, ["recipe-unknown-signal"]),
        ({"keep": {"x": {"of": "demo.level", "abs_max": -1}}}, ["recipe-out-of-range"]),
        ({"keep": {"x": {"of": "demo.level", "min": 1, "absent": "maybe"}}}, ["recipe-wrong-type"]),
        ({"keep": {"x": {"of": "dmo.level", "min": "low", "max": "3s"}}}, ["recipe-unknown-measure", "recipe-wrong-type"]),
        ({"measure": {"m": {"fps": 3}}}, ["recipe-missing"]),
        ({"measure": {"m": {"op": "demo", "mode": "slow"}}}, ["recipe-wrong-type"]),
        ({"measure": {"m": {"op": "demo", "count": 2.5}}}, ["recipe-wrong-type"]),
        ({"measure": {"m": {"op": "demo", "strict": 1}}}, ["recipe-wrong-type"]),
        ({"measure": {"m": {"op": "broken"}}}, ["measure-import"]),
        ({"measure": {"m": "demo"}}, ["recipe-wrong-type"]),
        ({"segment": {"shots": {"op": "cuts", "nonsense": 1}}}, ["recipe-unknown-key"]),
        ({"segment": {"shots": None}}, ["recipe-wrong-type"]),
        ({"segment": {"forgive_seconds": -1}}, ["recipe-out-of-range"]),
        ({"splits": {"test": 0.6, "val": 0.5}}, ["recipe-out-of-range"]),
        ({"splits": {"train": 0.5}}, ["recipe-out-of-range"]),
        ({"sample": {"audio": {"sample_rate_hz": 0}}}, ["recipe-out-of-range"]),
        ({"pack": {"shard_mib": 0}}, ["recipe-out-of-range"]),
        ({"description": {"deep": [{"_target_": "os.system"}]}}, ["recipe-target", "recipe-wrong-type"]),
    ],
)  # fmt: skip
def test_each_mistake_has_its_reason(
    plugin: Path, change: dict[str, Any], reasons: list[str]
) -> None:
    assert sorted(reasons_of({**GOOD, **change})) == reasons


def test_a_licence_is_not_needed_where_nobody_asks_or_a_manifest_brings_it() -> None:
    source = {"films": {"url": "a.mp4"}}
    assert compile_recipe({**GOOD, "rights": "unchecked", "sources": source}).sources
    for manifest in ("list.csv", "s3://b/list.parquet", "list.jsonl"):
        assert compile_recipe({**GOOD, "sources": {"films": {"url": manifest}}}).sources


def test_a_recipe_without_footage_is_fine_when_only_the_recipe_is_checked() -> None:
    open_source = {"films": {"url": "???", "license": "???"}}
    assert (
        compile_recipe({**GOOD, "sources": open_source}, footage=False).sources["films"].url
        == "???"
    )


def test_an_entry_named_like_its_operator_need_not_repeat_it(plugin: Path) -> None:
    recipe = compile_recipe({**GOOD, "measure": {"demo": {"count": 5}}})
    assert recipe.measure["demo"] == MeasureSpec(op="demo", params={"count": 5})


def test_settings_are_typed_checked_and_written_back(plugin: Path) -> None:
    demo: Any = load_measure("demo")
    made = measure_instance(
        demo,
        {"window_seconds": "3s", "mode": "exact", "fps": "25/2", "strict": True, "model": None},
    )
    assert made.window_seconds == 3.0
    assert made.fps == Fraction(25, 2)
    written = settings_document(made)
    assert written["mode"] == "exact"
    assert written["fps"] == "25/2"
    assert set(written) == {f.name for f in dataclasses.fields(demo)}
    assert measure_instance(demo, written) == made
    with pytest.raises(RecipeErrors):
        measure_instance(demo, {"count": 0})


def test_where_a_file_lies_is_a_setting_and_not_part_of_a_key() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Given:
        words: tuple[str, ...] = ("a", "b")
        file: str = dataclasses.field(default="", metadata={"key": False})

    given: Any = Given(file="/models/x")
    assert settings_document(given) == {"words": ("a", "b"), "file": "/models/x"}
    assert key_settings(given) == {"words": ("a", "b")}


def test_an_operand_is_a_series_a_statistic_or_a_signal(plugin: Path) -> None:
    recipe = compile_recipe({**GOOD, "measure": {"d": {"op": "demo", "count": 5}}})
    series = resolve_condition("d.height_px", recipe)
    assert (series.op, series.per_frame, series.unit) == ("demo", True, "px")
    assert series.params == {"count": 5}
    for stat in STATISTICS:
        operand = resolve_condition(f"d.height_px.{stat}", recipe)
        assert (operand.series, operand.stat, operand.per_frame) == ("height_px", stat, False)
        assert operand.unit == ("ratio" if stat == "share" else "px")
        assert operand.name == f"d.height_px.{stat}"
    signal = resolve_condition("demo.level", recipe)
    assert (signal.signal, signal.params, signal.unit) == ("level", {}, "LUFS")


def test_statistics_are_those_that_the_plan_computes() -> None:
    from curator.plan import statistics

    assert set(STATISTICS) == set(statistics.STATISTICS)


def test_settings_of_a_run_are_checked_the_same_way() -> None:
    settings = compile_settings({"out": "x", "engine": {"workers": "2"}, "store": {"root": "y"}})
    assert (settings.out, settings.engine.workers, settings.store.root) == ("x", 2, "y")
    with pytest.raises(RecipeErrors) as caught:
        compile_settings({"engine": {"worker": 2}, "stroe": {}})
    assert [error.reason for error in caught.value.errors] == ["recipe-unknown-key"] * 2
    with pytest.raises(RecipeErrors) as caught:
        compile_settings({"engine": {"workers": -1, "cascade": "guessed", "task_tiles": 0}})
    assert [error.reason for error in caught.value.errors] == ["recipe-out-of-range"] * 3


def test_the_place_of_a_value_can_be_asked_for_later(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text('sources:\n  films: {url: "a.mp4"}\n')
    places = places_of([ConfigFile(file)], ["sources.films.license=CC0"])
    recipe = compile_recipe(GOOD, places)
    assert isinstance(recipe, Recipe)
    assert str(place_of(recipe, "sources.films.url")) == f"{file}:2:16"
    assert str(place_of(recipe, "sources.films.license")) == "command line:1:23"
    assert str(place_of(recipe, "sources.films.attribution")) == f"{file}:2:3"
    assert place_of(recipe, "splits") is None
