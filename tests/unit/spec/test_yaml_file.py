from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from curator.errors import RecipeErrors
from curator.spec.places import ConfigFile, places_of
from curator.spec.yaml_file import read_marks, text_keys, vet


def test_places_are_those_that_an_editor_shows(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("name: a\nkeep:\n  sharp: {of: x.y, min: 60}\nlist:\n  - b\n")
    marks = {mark.path: (mark.key, mark.value) for mark in read_marks(file)}
    assert marks["keep.sharp.of"] == ((2, 10), (2, 14))
    assert marks["keep.sharp"] == ((2, 2), (2, 2))
    assert marks["list.0"] == ((4, 4), (4, 4))


def test_merged_keys_have_places_too(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n")
    marks = {mark.path: mark.value for mark in read_marks(file)}
    assert marks["b.x"] == (0, 10)
    assert marks["b.y"] == (3, 5)


def test_the_file_that_sets_a_key_last_is_its_place(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("a: 1\nb: 2\n")
    second.write_text("b: 3\n")
    places = places_of([ConfigFile(first), ConfigFile(second)], [])
    assert str(places.value("a")) == f"{first}:1:4"
    assert str(places.value("b")) == f"{second}:1:4"


def test_a_file_of_a_group_lies_under_its_package(tmp_path: Path) -> None:
    file = tmp_path / "local.yaml"
    file.write_text("workers: 2\n")
    places = places_of([ConfigFile(file, "engine")], [])
    assert str(places.value("engine.workers")) == f"{file}:1:10"


@pytest.mark.parametrize(
    ("word", "path", "column"),
    [
        ("keep.sharp.min=0.4", "keep.sharp.min", 16),
        ("+keep.x={of: a.b, min: 20}", "keep.x.min", 24),
        ("+keep.x={of: a.b, min: 20}", "keep.x.of", 14),
        ("++keep.x={of:a.b,min:3}", "keep.x.of", 10),
    ],
)
def test_the_command_line_is_a_place(word: str, path: str, column: int) -> None:
    places = places_of([], [word])
    assert str(places.value(path)) == f"command line:1:{column}"


def test_an_override_that_invents_an_entry_is_noticed() -> None:
    words = ["keep.shrp.min=1", "segment.seconds.min=2", "+keep.new={of: a, min: 1}"]
    places = places_of([], words, known=["keep", "segment", "segment.seconds"])
    assert places.invented == {"keep.shrp"}


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("a: [1\n", "recipe-yaml", "2:1"),
        ("- a\n", "recipe-wrong-type", "1:1"),
        ("hydra: {callbacks: {x: {_target_: os.system}}}\n", "recipe-forbidden", "1:1"),
        ("name: a\nstore: {root: /}\n", "recipe-forbidden", "2:1"),
        ("engine: {workers: 2}\n", "recipe-forbidden", "1:1"),
        ("out: /tmp\n", "recipe-forbidden", "1:1"),
        ("# @package hydra.callbacks\nx: 1\n", "recipe-forbidden", "1:12"),
        ("defaults:\n  - evil@hydra.callbacks\n", "recipe-forbidden", "2:5"),
        ("defaults:\n  - override /hydra/launcher: basic\n", "recipe-forbidden", "2:5"),
        ("defaults: [/hydra/launcher/basic]\n", "recipe-forbidden", "1:12"),
        ("name: ${oc.env:HOME}\n", "recipe-forbidden", "1:7"),
    ],
)
def test_a_recipe_cannot_reach_what_is_not_its_own(
    tmp_path: Path, text: str, reason: str, place: str
) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(RecipeErrors) as caught:
        vet(file)
    first = caught.value.errors[0]
    assert first.reason == reason
    assert str(first.where) == f"{file}:{place}"


def test_a_recipe_may_refer_to_its_own_keys(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("# @package _global_\ndefaults: [avatar, _self_]\nname: a\ntarget: ${name}\n")
    vet(file)


def test_yes_and_no_are_text_where_they_are_keys_and_what_they_were_where_they_are_values() -> None:
    text = """# Straße
a: &a {yes: [ä, no], no: b, On: yes}
x:
  - off: 2
  - "yes": true
b: {<<: *a, true: 1}
"""
    config = OmegaConf.to_container(OmegaConf.create(text_keys(text)))
    assert config == {
        "a": {"yes": ["ä", False], "no": "b", "On": True},
        "x": [{"off": 2}, {"yes": True}],
        "b": {"yes": ["ä", False], "no": "b", "On": True, "true": 1},
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "a: {b: yes}\n", "no"])
def test_a_text_without_such_keys_stays_as_it_is(text: str) -> None:
    assert text_keys(text) == text
