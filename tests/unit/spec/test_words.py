from __future__ import annotations

from pathlib import Path

import pytest

from curator.errors import UsageError
from curator.spec.words import parse_words, relax, restore


@pytest.mark.parametrize(
    "argv",
    [
        ["avatar", "keep.sharp.min=1", "-m"],
        ["-m", "recipe=avatar", "keep.sharp.min=1"],
        ["-m", "avatar", "keep.sharp.min=1"],
    ],
)
def test_flags_may_stand_anywhere(argv: list[str]) -> None:
    words = parse_words(argv)
    assert words.flags == ("-m",)
    assert words.overrides == ("recipe=avatar", "keep.sharp.min=1")
    assert words.names_recipe


def test_the_value_of_a_flag_is_not_a_recipe() -> None:
    words = parse_words(["avatar", "--cfg", "job", "--package", "keep", "--info", "defaults"])
    assert words.overrides == ("recipe=avatar",)
    assert words.flags == ("--cfg", "job", "--package", "keep", "--info", "defaults")
    assert parse_words(["--info", "avatar"]).overrides == ("recipe=avatar",)


def test_a_file_is_a_recipe_whose_folder_is_searched_first(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\n")
    words = parse_words([str(file)])
    assert words.overrides == ("recipe=mine",)
    assert words.folder == tmp_path


def test_a_file_name_that_is_no_plain_word_is_quoted(tmp_path: Path) -> None:
    file = tmp_path / "it's mine, really.yaml"
    file.write_text("name: mine\n")
    assert parse_words([str(file)]).overrides == ("recipe='it\\'s mine, really'",)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["avatar", "motion"], "usage-recipes"),
        (["nowhere.yaml"], "usage-no-file"),
        (["avatar", "--multirum"], "usage-option"),
        (["avatar", "--experimental-rerun", "x"], "usage-option"),
        ([__file__.replace(".py", ".yml")], "usage-no-file"),
    ],
)
def test_what_makes_no_sense_is_refused(argv: list[str], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_words(argv)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("word", "relaxed"),
    [
        ("keep.sharp.max=1", "++keep.sharp.max=1"),
        ("+keep.x={of: y, min: 1}", "+keep.x={of: y, min: 1}"),
        ("~keep.sharp", "~keep.sharp"),
        ("recipe=avatar", "recipe=avatar"),
        ("out=DIR", "out=DIR"),
        ("hydra.launcher.n=1", "hydra.launcher.n=1"),
        ("hydra/launcher=basic", "hydra/launcher=basic"),
    ],
)
def test_an_override_may_name_what_was_left_at_its_default(word: str, relaxed: str) -> None:
    assert relax(word) == relaxed
    assert restore(relaxed, [word]) == word


def test_a_value_of_a_sweep_is_restored_too() -> None:
    assert restore("++keep.sharp.min=2", ["keep.sharp.min=1,2"]) == "keep.sharp.min=2"
    assert restore("++keep.sharp.min=2", ["++keep.sharp.min=1,2"]) == "++keep.sharp.min=2"
