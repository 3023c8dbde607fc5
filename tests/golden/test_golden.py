"""Plans and keys of the shipped recipes are what they were, unless somebody decided otherwise."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from curator.store.key import differences


def _load() -> ModuleType:
    path = Path(__file__).parent / "regenerate.py"
    spec = importlib.util.spec_from_file_location("regenerate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


regenerate = _load()
RECIPES = regenerate.shipped_recipes()


def test_recipes_are_shipped() -> None:
    assert RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_plan_and_keys_are_stable(name: str) -> None:
    expected = json.loads(regenerate.path_of(name).read_text(encoding="utf-8"))
    changed = differences(expected, json.loads(json.dumps(regenerate.golden(name))))
    assert not changed, "\n".join(
        ["plan or keys changed; if that is meant: python tests/golden/regenerate.py", *changed]
    )


@pytest.mark.parametrize("name", RECIPES)
def test_a_plan_made_twice_is_the_same(name: str) -> None:
    assert regenerate.plan_of(name).document() == regenerate.plan_of(name).document()
