"""The two Hydra plugins behind ``recipe=NAME``: where recipes are looked for, and how one is read.

A flat folder of recipes is mounted as the config group ``recipe`` by ``recipes://FOLDER``. Recipes
are files that people download, so what could reach Hydra's own configuration (which can name code
to run) is refused here, before anything is composed. This module imports Hydra: import it late.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf
from yaml import YAMLError

from curator.errors import RecipeErrors
from curator.spec.folders import plugin_packages, recipe_folders
from curator.spec.yaml_file import text_keys, vet, yaml_error

__all__ = ["CuratorSearchPath", "RecipeSource", "register"]

_GROUP = "recipe"


class RecipeSource(ConfigSource):
    """``recipes://FOLDER``: every ``NAME.yaml`` in it is the config ``recipe/NAME``, at the top level."""

    @staticmethod
    def scheme() -> str:
        """The part before ``://``."""
        return "recipes"

    def available(self) -> bool:
        """Whether the folder exists."""
        return Path(self.path).is_dir()

    def is_group(self, config_path: str) -> bool:
        """There is one group, and it is flat."""
        return config_path.strip("/") in {"", _GROUP}

    def is_config(self, config_path: str) -> bool:
        """Whether there is such a recipe."""
        file = self._file(config_path)
        return file is not None and file.is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Names in a group, for completion and error messages."""
        if config_path.strip("/") == "":
            return [] if results_filter == ObjectType.CONFIG else [_GROUP]
        if config_path.strip("/") != _GROUP or results_filter == ObjectType.GROUP:
            return []
        return sorted(file.stem for file in Path(self.path).glob("*.yaml"))

    def load_config(self, config_path: str) -> ConfigResult:
        """Read and vet one recipe.

        Raises:
            ConfigLoadError: when there is none of that name.
            RecipeErrors: when it is not YAML, or reaches for what is not a recipe's.
        """
        file = self._file(config_path)
        if file is None or not file.is_file():
            raise ConfigLoadError(f"no recipe '{config_path}' in {self.path}")
        vet(file)
        try:
            config = OmegaConf.create(text_keys(file.read_text(encoding="utf-8")))
        except YAMLError as error:  # a key written twice: YAML allows it, a recipe does not
            raise RecipeErrors([yaml_error(file, error)]) from error
        return ConfigResult(self.provider, self.full_path(), config, {"package": "_global_"})

    def _file(self, config_path: str) -> Path | None:
        group, _, name = config_path.strip("/").partition("/")
        if group != _GROUP or not name or "/" in name or name.startswith("."):
            return None
        return Path(self.path) / (name if name.endswith(".yaml") else f"{name}.yaml")


class CuratorSearchPath(SearchPathPlugin):
    """The user's recipes, then plugins' configuration, then our own recipes."""

    first: ClassVar[Path | None] = None
    """Folder of the recipe that was given as a file; set by `register`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra after our ``conf/`` was put on the path."""
        if self.first is not None:
            search_path.append("file", f"recipes://{self.first}")
        for folder in recipe_folders():
            search_path.append(folder.provider, f"recipes://{folder.path}")
        for name, package in plugin_packages().items():
            search_path.append(name, f"pkg://{package}")


def register(first: Path | None) -> None:
    """Make both known to Hydra in this process only, so that other Hydra apps never see them."""
    CuratorSearchPath.first = first
    for plugin in (RecipeSource, CuratorSearchPath):
        Plugins.instance().register(plugin)
