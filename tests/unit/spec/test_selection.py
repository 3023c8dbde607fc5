"""``distinct`` and ``balance``: typed with defaults, and every mistake at its place."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from curator.errors import RecipeError, RecipeErrors
from curator.plan.logical import compile_plan
from curator.spec.compile import compile_recipe
from curator.spec.compose import compose
from curator.spec.document import document, recipe_from_document
from curator.spec.recipe import BalanceSpec, DistinctSpec, Recipe
from curator.spec.schema import recipe_schema
from curator.spec.words import parse_words

GOOD = """\
    name: good
    target: t
    sources: {films: {url: a.mp4, license: CC0-1.0}}
    """


def recipe_of(tmp_path: Path, text: str, *words: str) -> Recipe:
    file = tmp_path / "mine.yaml"
    file.write_text(textwrap.dedent(GOOD) + textwrap.dedent(text))
    (one,) = compose(parse_words([str(file), *words]))
    return compile_recipe(one.recipe, one.places)


def errors_of(tmp_path: Path, text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(RecipeErrors) as caught:
        recipe_of(tmp_path, text)
    return [(error.reason, *_place(error)) for error in caught.value.errors]


def _place(error: RecipeError) -> tuple[int, int]:
    assert error.where is not None
    return error.where.line, error.where.column


def test_nothing_is_compared_unless_it_is_written(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, "")
    assert recipe.distinct is None
    assert recipe.balance == {}
    plan = compile_plan(recipe)
    assert not plan.settles
    assert "phash" not in plan.nodes


def test_an_empty_map_takes_all_defaults(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, "distinct: {}")
    assert recipe.distinct == DistinctSpec()
    plan = compile_plan(recipe)
    assert plan.settles
    assert "phash" in plan.nodes


def test_everything_can_be_said(tmp_path: Path) -> None:
    recipe = recipe_of(
        tmp_path,
        """
        distinct:
          mirror: true
          max_distance: 10%
          prefer: sharpness.score.p10
          against: [releases/abc, old]
          vectors: {look: {of: embedding.embedding, max_distance: 0.05}}
        balance:
          hour: {by: source, max_seconds: 1h}
          light: {by: luma.mean.median, buckets: [60, 120], max_share: 40%}
          faces: {by: embedding.embedding, clusters: 10, max_clips: 5, prefer: luma.mean.p90}
        """,
    )
    assert recipe.distinct is not None
    assert recipe.distinct.max_distance == pytest.approx(0.1)
    assert recipe.distinct.against == ("releases/abc", "old")
    assert recipe.balance["hour"] == BalanceSpec(by="source", max_seconds=3600.0)
    assert recipe.balance["light"].buckets == (60.0, 120.0)
    plan = compile_plan(recipe)
    assert {"phash", "sharpness", "luma", "embedding"} <= set(plan.nodes)
    names = [operand.name for operand in plan.asked]
    assert sorted(names) == ["luma.mean.median", "luma.mean.p90", "sharpness.score.p10"]
    assert [operand.name for operand in plan.vectors] == ["embedding.embedding"]


def test_the_command_line_can_turn_it_on_and_off(tmp_path: Path) -> None:
    assert recipe_of(tmp_path, "", "distinct={}").distinct == DistinctSpec()
    mirrored = recipe_of(tmp_path, "", "distinct.mirror=true").distinct
    assert mirrored == DistinctSpec(mirror=True)
    assert recipe_of(tmp_path, "distinct: {}", "distinct=null").distinct is None
    more = recipe_of(tmp_path, "", "+balance.few={by: video, max_clips: 3}")
    assert more.balance == {"few": BalanceSpec(by="video", max_clips=3)}


def test_every_mistake_is_shown_where_it_was_written(tmp_path: Path) -> None:
    text = """\
        distinct:
          mirrr: true
          max_distance: 0.7
          prefer: sharpness.scor.median
          against: releases
          vectors: {look: {of: luma.mean, max_distance: 0.1}}
        balance:
          a: {by: sourc, max_clips: 0}
          b: {by: source, buckets: [2, 1], max_clips: 1}
          c: {by: luma.mean, max_clips: 1}
          d: {by: luma.mean.median}
          e: {by: embedding.embedding, max_clips: 2}
          f: {by: container.codec, buckets: [1], max_clips: 2}
          2g: {by: source, max_clips: 2}
        """
    assert set(errors_of(tmp_path, text)) == {
        ("recipe-unknown-key", 5, 3),
        ("recipe-unknown-signal", 7, 11),
        ("recipe-wrong-type", 8, 12),
        ("recipe-unknown-signal", 9, 24),
        ("recipe-unknown-measure", 11, 11),
        ("recipe-out-of-range", 11, 29),
        ("recipe-out-of-range", 12, 19),
        ("recipe-wrong-type", 12, 19),
        ("recipe-unknown-signal", 13, 11),
        ("recipe-no-bound", 14, 3),
        ("recipe-missing", 15, 3),
        ("recipe-wrong-type", 16, 28),
        ("recipe-bad-name", 17, 3),
    }


def test_a_distance_at_which_strangers_meet_is_refused(tmp_path: Path) -> None:
    assert errors_of(tmp_path, "distinct: {max_distance: 0.7}") == [("recipe-out-of-range", 4, 26)]
    assert errors_of(tmp_path, "distinct: {pictures: false}") == [("recipe-no-bound", 4, 22)]
    assert errors_of(tmp_path, "distinct: yes") == [("recipe-wrong-type", 4, 11)]


def test_hashes_are_no_vectors(tmp_path: Path) -> None:
    text = "distinct: {vectors: {x: {of: phash.hash, max_distance: 0.1}}}"
    assert errors_of(tmp_path, text) == [("recipe-unknown-signal", 4, 30)]


def test_a_locked_recipe_reads_back_the_same(tmp_path: Path) -> None:
    recipe = recipe_of(
        tmp_path,
        """
        distinct: {against: [a], vectors: {x: {of: embedding.embedding, max_distance: 0.1}}}
        balance: {l: {by: luma.mean.median, buckets: [1, 2], max_share: 0.5}}
        """,
    )
    written: dict[str, Any] = document(recipe)
    assert written["distinct"]["against"] == ["a"]
    assert recipe_from_document(written) == recipe


def test_the_schema_knows_lists() -> None:
    schema = recipe_schema()["properties"]
    buckets = schema["balance"]["additionalProperties"]["properties"]["buckets"]
    assert buckets["type"] == "array"
    assert buckets["items"] == {"type": "number"}
    assert {"type": "null"} in schema["distinct"]["anyOf"]
