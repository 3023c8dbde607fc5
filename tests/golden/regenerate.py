"""Makes the golden plans and keys again: `python tests/golden/regenerate.py`.

A diff in a golden is a decision: keys that change orphan every fact that users have stored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curator.plan.physical import Plan, make_plan
from curator.spec.compile import compile_recipe
from curator.spec.compose import compose
from curator.spec.words import parse_words
from curator.store.key import digest

HERE = Path(__file__).parent
FINGERPRINT = "f" * 64
GRID = "0" * 64


def shipped_recipes() -> list[str]:
    """Names of the recipes in the repository, recursively."""
    root = HERE.parents[1] / "recipes"
    return sorted(
        path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.yaml")
    )


def plan_of(name: str) -> Plan:
    """A shipped recipe over footage that need not exist, planned by declared costs."""
    words = [name, "sources.films.url=films/*.mp4", "sources.films.license=CC0-1.0"]
    (one,) = compose(parse_words(words))
    return make_plan(compile_recipe(one.recipe, one.places))


def golden(name: str) -> dict[str, Any]:
    """The plan of a recipe, and the key of each of its computations on a made-up video."""
    plan = plan_of(name)
    keys = {
        name: digest(node.document(fingerprint=FINGERPRINT, grid=GRID))
        for name, node in plan.nodes.items()
    }
    return {"plan": plan.document(), "keys": keys}


def path_of(name: str) -> Path:
    """Where the golden of a recipe lies."""
    return HERE / f"{name}.json"


def main() -> None:
    """Write every golden."""
    for name in shipped_recipes():
        text = json.dumps(golden(name), indent=1, sort_keys=True)
        path_of(name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
