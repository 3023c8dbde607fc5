"""Where recipes and configuration lie: our own, plugins', and the user's. Nothing here imports Hydra."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

__all__ = ["Folder", "data_dir", "plugin_packages", "recipe_files", "recipe_folders"]

_GROUP = "curator.conf"


@dataclass(frozen=True, slots=True)
class Folder:
    """A flat folder of recipes and who brought it."""

    provider: str
    """``CURATOR_RECIPES``, ``project``, the name of a plugin, or ``curator``."""
    path: Path


def data_dir(name: str) -> Path:
    """``conf`` or ``recipes``: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    packed = package / "_data" / name
    return packed if packed.is_dir() else package.parent / name


def recipe_folders() -> tuple[Folder, ...]:
    """Every folder of recipes, in the order in which a name is looked up; the first that has it wins."""
    named = os.environ.get("CURATOR_RECIPES", "").split(os.pathsep)
    folders = [Folder("CURATOR_RECIPES", Path(word).resolve()) for word in named if word]
    own = Folder("curator", data_dir("recipes").resolve())
    project = Path("recipes").resolve()
    if project != own.path:  # a checkout of curator itself
        folders.append(Folder("project", project))
    for name, package in plugin_packages().items():
        folders.extend(Folder(name, path) for path in _recipes_of(package))
    folders.append(own)
    by_path = {folder.path: folder for folder in reversed(folders) if folder.path.is_dir()}
    return tuple(folder for folder in folders if by_path.get(folder.path) is folder)


def recipe_files() -> Mapping[str, Path]:
    """Every recipe by name, sorted."""
    found: dict[str, Path] = {}
    for folder in recipe_folders():
        for path in folder.path.glob("*.yaml"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def plugin_packages() -> Mapping[str, str]:
    """Config packages that plugins declare, by entry point name; only their names are read."""
    return {point.name: point.value for point in entry_points(group=_GROUP)}


def _recipes_of(package: str) -> list[Path]:
    """A plugin's package is a folder of recipes itself, or holds one called ``recipes``."""
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:  # a broken plugin must not take the others down; doctor reports it
        return []
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    is_folder = package.rpartition(".")[2] == "recipes"
    return [root if is_folder else root / "recipes" for root in roots]
