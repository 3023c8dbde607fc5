"""A checked recipe as data for the lock file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curator.spec.compile import compile_recipe
from curator.spec.defaults import plain
from curator.spec.recipe import Recipe

__all__ = ["document", "recipe_from_document"]


def document(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a plain, resolved document that JSON can hold; without places."""
    written: dict[str, Any] = plain(recipe)
    return written


def recipe_from_document(node: Mapping[str, Any]) -> Recipe:
    """The recipe that `document` wrote down.

    Raises:
        RecipeErrors: when this version cannot read it.
    """
    return compile_recipe(node, footage=False)
