"""From the words after a verb to typed recipes and settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curator.errors import UsageError

if TYPE_CHECKING:
    from curator.spec.recipe import Recipe
    from curator.spec.settings import Settings

__all__ = ["OVERRIDES_HELP", "recipes_and_settings", "settings_only"]

OVERRIDES_HELP = """
  RECIPE                  a name (`curator recipes`) or a file (./mine.yaml)
  sources.films.url=...   where the footage is: a file, a glob, a URL, or a manifest (.csv .jsonl .parquet)
  sources.films.license=...  under which terms (SPDX or free text)
  out=DIR                 where releases go            (releases)
  store.root=DIR          where results are cached     (.curator)
  engine.workers=N        worker processes             (one per core)
  keep.sharp.min=0.4      any setting of the recipe; '~keep.sharp' takes one away,
                          '+keep.dark={of: luma.mean.median, min: 20}' adds one
  -m keep.sharp.min=1,2   every combination, in one go
  --cfg job               show the composed recipe and stop
  --info defaults         show what it is composed from, and stop
  --json  -q  -v"""


def recipes_and_settings(words: Sequence[str]) -> tuple[list[Recipe], Settings | None]:
    """Every recipe that the words ask for; none where Hydra only had to show something.

    Raises:
        RecipeErrors: with all mistakes of the first recipe that has any.
        UsageError: when no recipe is named.
    """
    from curator.spec.compile import compile_recipe, compile_settings
    from curator.spec.compose import compose
    from curator.spec.folders import recipe_files
    from curator.spec.words import parse_words

    parsed = parse_words(words)
    if not parsed.names_recipe and "--hydra-help" not in parsed.flags:
        raise UsageError(
            "which recipe?",
            reason="usage-no-recipe",
            hint=f"a file, or one of: {', '.join(recipe_files()) or 'none installed'}",
        )
    composed = compose(parsed)
    if not composed:
        return [], None
    settings = compile_settings(composed[0].settings, composed[0].places)
    if any(one.settings != composed[0].settings for one in composed):
        raise UsageError(
            "a sweep builds everything in one go, so it cannot vary out, store or engine",
            reason="usage-sweep",
            hint="run those one after another",
        )
    return [compile_recipe(one.recipe, one.places) for one in composed], settings


def settings_only(words: Sequence[str]) -> Settings:
    """Settings from ``key=value`` words alone, for commands that need no recipe and no Hydra.

    Raises:
        RecipeErrors: for settings that do not exist.
        UsageError: for words that are no settings.
    """
    from curator.spec.compile import compile_settings
    from curator.spec.places import places_of

    node: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(
                f"'{word}' makes no sense here",
                reason="usage-word",
                hint="settings: store.root=DIR",
            )
        *parents, last = key.split(".")
        inner = node
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = {"true": True, "false": False}.get(value, value)
    return compile_settings(node, places_of([], words))
