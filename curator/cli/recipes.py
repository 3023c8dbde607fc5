"""`curator recipes`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curator.cli.output import Output
from curator.cli.topics import Parser, topics
from curator.errors import CuratorError, RecipeErrors, UsageError, render
from curator.spec.folders import recipe_files, recipe_folders

__all__ = ["HELP", "run"]

HELP = """
usage: curator recipes [ls]                    every recipe on the search path, and who brought it
       curator recipes show NAME               the file
       curator recipes cp NAME [FILE]          a copy to change, by default ./recipes/NAME.yaml
       curator recipes check [NAME|FILE ...]   compose and compile; all recipes without a name
       curator recipes schema                  JSON Schema of a recipe, for editors

The search path: CURATOR_RECIPES, ./recipes, installed plugins, our own. The first that has a name wins.
"""


def run(words: list[str], output: Output) -> int:
    """One topic; without words, the list."""
    return _TOPICS[(arguments := _parse(words or ["ls"])).topic](arguments, output)


def _parse(words: list[str]) -> argparse.Namespace:
    parser, choices = topics("recipes")
    choices.add_parser("ls", add_help=False)
    choices.add_parser("schema", add_help=False)
    choices.add_parser("show", add_help=False).add_argument("name")
    copy: Parser = choices.add_parser("cp", add_help=False)
    copy.add_argument("name")
    copy.add_argument("file", nargs="?")
    choices.add_parser("check", add_help=False).add_argument("names", nargs="*")
    return parser.parse_args(words)


def _ls(_: argparse.Namespace, output: Output) -> int:
    providers = {folder.path: folder.provider for folder in recipe_folders()}
    rows = [
        {
            "name": name,
            "about": _about(file),
            "provider": providers[file.parent],
            "file": str(file),
        }
        for name, file in recipe_files().items()
    ]
    width = max((len(row["name"]) for row in rows), default=0)
    output.say(f"{row['name']:<{width}}  {row['about']}  [{row['provider']}]" for row in rows)
    output.document({"recipes": rows})
    return 0


def _show(arguments: argparse.Namespace, output: Output) -> int:
    text = _file(arguments.name).read_text(encoding="utf-8")
    output.say(text.splitlines())
    output.document({"name": arguments.name, "text": text})
    return 0


def _cp(arguments: argparse.Namespace, output: Output) -> int:
    source = _file(arguments.name)
    target = Path(arguments.file or Path("recipes") / source.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(source.read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise UsageError(
            f"'{target}' is there already", reason="usage-exists", hint="name another file"
        ) from error
    output.say([f"wrote {target}; build it with: curator build ./{target}"])
    output.document({"file": str(target)})
    return 0


def _check(arguments: argparse.Namespace, output: Output) -> int:
    names = arguments.names or list(recipe_files())
    found: dict[str, CuratorError | None] = {name: _mistake(name) for name in names}
    for name, error in found.items():
        output.say([f"{name}: {'ok' if error is None else error.message}"])
        if error is not None:
            output.complain(render(error))
    output.document({"recipes": {name: _reasons(error) for name, error in found.items()}})
    return 1 if any(found.values()) else 0


def _mistake(name: str) -> CuratorError | None:
    from curator.spec.compile import compile_recipe
    from curator.spec.compose import compose
    from curator.spec.words import parse_words

    try:
        for one in compose(parse_words([name])):
            compile_recipe(one.recipe, one.places, footage=False)
    except CuratorError as error:
        return error
    return None


def _reasons(error: CuratorError | None) -> list[str]:
    if error is None:
        return []
    parts = error.errors if isinstance(error, RecipeErrors) else (error,)
    return [part.reason for part in parts]


def _schema(_: argparse.Namespace, output: Output) -> int:
    import json

    from curator.spec.schema import recipe_schema

    schema: dict[str, Any] = recipe_schema()
    if output.json:
        output.document(schema)
    else:
        output.say([json.dumps(schema, indent=2)])
    return 0


def _file(name: str) -> Path:
    if name.endswith(".yaml") and Path(name).is_file():
        return Path(name)
    known = recipe_files()
    if name not in known:
        from curator.registry import nearest

        raise UsageError(
            f"no recipe is called '{name}'",
            reason="recipe-unknown",
            hint=nearest(name, dict(known)),
        )
    return known[name]


def _about(file: Path) -> str:
    """The first comment line of a recipe says what it is for."""
    with file.open(encoding="utf-8") as lines:
        first = lines.readline().strip()
    return first.lstrip("# ") if first.startswith("#") else ""


_TOPICS = {"ls": _ls, "show": _show, "cp": _cp, "check": _check, "schema": _schema}
