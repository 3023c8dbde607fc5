from __future__ import annotations

from pathlib import Path

import pytest

from curator.errors import CuratorError, RecipeErrors
from curator.spec.compile import compile_recipe, compile_settings
from curator.spec.compose import Composed, compose
from curator.spec.folders import data_dir, recipe_files
from curator.spec.recipe import Recipe
from curator.spec.settings import Settings
from curator.spec.words import parse_words

FOOTAGE = ("sources.films.url=films/*.mp4", "sources.films.license=CC0-1.0")
SHIPPED = sorted(data_dir("recipes").rglob("*.yaml"))


def composed(*words: str) -> list[Composed]:
    return compose(parse_words(words))


def recipes(*words: str) -> list[Recipe]:
    return [compile_recipe(one.recipe, one.places) for one in composed(*words)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, to see that it stays empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_there_are_recipes() -> None:
    assert SHIPPED


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_recipe_composes_and_compiles(file: Path, here: Path) -> None:
    (one,) = composed(str(file))
    with pytest.raises(RecipeErrors) as caught:
        compile_recipe(one.recipe, one.places)
    # Nothing is wrong with it but that nobody said where the footage is.
    reasons = {error.reason for error in caught.value.errors}
    assert reasons == {"recipe-missing", "recipe-missing-license"}
    assert any("sources.films.url=" in (error.hint or "") for error in caught.value.errors)
    (recipe,) = recipes(str(file), *FOOTAGE)
    assert recipe.name == file.stem


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_recipe_says_what_it_is_for_and_how_to_run_it(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("# ")
    for word in ("Kept:", "Lost", f"curator build {file.stem} "):
        assert word in text


def test_nothing_is_left_behind(here: Path) -> None:
    recipes("avatar", *FOOTAGE)
    recipes("-m", "recipe=avatar", "keep.sharp.min=0.1,0.2", *FOOTAGE)
    assert list(here.iterdir()) == []
    assert Path.cwd() == here


def test_overrides_change_add_and_take_away(here: Path) -> None:
    (recipe,) = recipes(
        "avatar",
        *FOOTAGE,
        "keep.sharp.min=0.4",
        "keep.sharp.max=90%",
        "~keep.steady",
        "+keep.extra={of: luma.mean.median, min: 20}",
        "sources.films.attribution=Somebody",
        "segment.seconds.max=20s",
    )
    assert (recipe.keep["sharp"].min, recipe.keep["sharp"].max) == (0.4, 0.9)
    assert "steady" not in recipe.keep
    assert recipe.keep["extra"].of == "luma.mean.median"
    assert recipe.sources["films"].attribution == "Somebody"
    assert recipe.segment.seconds.max == 20.0


def test_settings_come_from_the_same_words(here: Path) -> None:
    (one,) = composed("avatar", "out=o", "store.root=s", "engine.workers=2")
    settings = compile_settings(one.settings, one.places)
    assert (settings.out, settings.store.root, settings.engine.workers) == ("o", "s", 2)


def test_settings_that_nobody_gave_are_those_of_the_types(here: Path) -> None:
    (one,) = composed("avatar")
    assert compile_settings(one.settings) == Settings()


def test_a_sweep_is_one_list(here: Path) -> None:
    found = recipes("-m", "recipe=avatar", *FOOTAGE, "keep.sharp.min=0.1,0.2,0.3")
    assert [recipe.keep["sharp"].min for recipe in found] == [0.1, 0.2, 0.3]
    named = recipes("recipe=avatar,avatar", *FOOTAGE, "-m")
    assert [recipe.name for recipe in named] == ["avatar", "avatar"]


def test_the_places_of_a_sweep_are_those_of_each_job(here: Path) -> None:
    first, second = composed("-m", "avatar", "keep.sharp.min=oops,0.2", *FOOTAGE)
    with pytest.raises(RecipeErrors) as caught:
        compile_recipe(first.recipe, first.places)
    assert [str(error.where) for error in caught.value.errors] == ["command line:1:16"]
    assert compile_recipe(second.recipe, second.places).keep["sharp"].min == 0.2


def test_a_recipe_builds_on_another_and_errors_name_the_right_file(here: Path) -> None:
    (here / "recipes").mkdir()
    (here / "recipes/mine.yaml").write_text(
        "defaults: [avatar, _self_]\nname: mine\nkeep:\n  sharp: {mni: 0.9}\n"
    )
    (one,) = composed("mine", *FOOTAGE, "~keep.voice")
    with pytest.raises(RecipeErrors) as caught:
        compile_recipe(one.recipe, one.places)
    (error,) = caught.value.errors
    assert str(error.where) == "recipes/mine.yaml:4:11"
    avatar = one.places.value("keep.sharp.of")
    assert avatar is not None
    assert avatar.path.endswith("avatar.yaml")


def test_a_file_anywhere_is_a_recipe(here: Path, tmp_path: Path) -> None:
    (tmp_path / "odd, name.yaml").write_text("defaults: [avatar, _self_]\nname: odd\n")
    (recipe,) = recipes(str(tmp_path / "odd, name.yaml"), *FOOTAGE)
    assert recipe.name == "odd"
    assert "sharp" in recipe.keep


def test_folders_of_the_user_come_before_ours(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team/avatar.yaml").write_text("name: ours\ntarget: avatar\n")
    monkeypatch.setenv("CURATOR_RECIPES", str(tmp_path / "team"))
    (recipe,) = recipes("avatar", "+sources.films={url: a.mp4, license: CC0}")
    assert recipe.name == "ours"


def test_a_plugin_brings_recipes_and_groups(here: Path, plugin: Path) -> None:
    assert "dubbing" in recipe_files()
    (one,) = composed("dubbing", "engine=big", *FOOTAGE)
    assert compile_recipe(one.recipe, one.places).name == "dubbing"
    assert compile_settings(one.settings).engine.workers == 99


@pytest.mark.parametrize(
    ("words", "reason", "hint"),
    [
        (["avatr"], "recipe-unknown", "'avatar'"),
        (["avatar", "engine=lokal"], "recipe-unknown", "'local'"),
        (["avatar", "~keep.nothing"], "recipe-unknown-key", "--cfg job"),
        (["avatar", "keep.sharp.min=1,2"], "usage-sweep", "-m"),
        (["avatar", "=3"], "usage-override", "key=value"),
        (["avatar", "keep.x={of"], "usage-override", "key=value"),
        (["avatar", "description=${nowhere}"], "recipe-interpolation", ""),
    ],
)
def test_what_cannot_be_composed_is_said_in_our_words(
    here: Path, words: list[str], reason: str, hint: str
) -> None:
    with pytest.raises(CuratorError) as caught:
        composed(*words)
    assert caught.value.reason == reason
    assert hint in (caught.value.hint or "")


def test_an_entry_that_the_recipe_lacks_is_not_made_up(here: Path) -> None:
    (one,) = composed("avatar", *FOOTAGE, "keep.shrap.min=0.4")
    with pytest.raises(RecipeErrors) as caught:
        compile_recipe(one.recipe, one.places)
    (error,) = caught.value.errors
    assert error.reason == "recipe-unknown-key"
    assert error.hint is not None
    assert "'sharp'" in error.hint


@pytest.mark.parametrize(
    "text",
    [
        "hydra: {callbacks: {x: {_target_: MARK}}}\n",
        "# @package hydra.callbacks\nx: {_target_: MARK}\n",
        "hydra: {job_logging: {formatters: {x: {(): MARK}}}}\n",
    ],
)
def test_a_recipe_cannot_run_code_through_hydra(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "evil_recipe_code.py").write_text(
        "from pathlib import Path\n\ndef run(*a, **k):\n    Path('ran').touch()\n"
    )
    monkeypatch.syspath_prepend(site)
    (tmp_path / "evil.yaml").write_text(text.replace("MARK", "evil_recipe_code.run"))
    with pytest.raises(RecipeErrors) as caught:
        composed(str(tmp_path / "evil.yaml"))
    assert caught.value.errors[0].reason == "recipe-forbidden"
    assert list(here.iterdir()) == []


def test_a_key_written_twice_is_a_mistake(here: Path, tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("name: a\nname: b\n")
    with pytest.raises(RecipeErrors) as caught:
        composed(str(tmp_path / "twice.yaml"))
    (error,) = caught.value.errors
    assert error.reason == "recipe-yaml"
    assert error.where is not None
    assert error.where.line == 2


def test_a_setting_may_be_called_yes_in_a_file_and_on_the_command_line(
    here: Path, tmp_path: Path
) -> None:
    file = tmp_path / "words.yaml"
    file.write_text("measure: {talk: {op: relevance, yes: [a face], no: [a slide]}}\n")
    (one,) = composed(str(file), "measure.talk.no=[a crowd,an empty room]")
    assert one.recipe["measure"]["talk"]["yes"] == ["a face"]
    assert one.recipe["measure"]["talk"]["no"] == ["a crowd", "an empty room"]
    assert str(one.places.value("measure.talk.yes")).endswith("words.yaml:1:33")
