"""From the words of a command line to plain documents: Hydra composes, and does nothing else.

The app that Hydra runs only takes its configuration down; the work is done after Hydra has returned.
So errors never pass through Hydra's reporting, and a sweep is simply a list. Hydra is imported by
the function that needs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from curator.spec.defaults import recipe_defaults
from curator.spec.folders import data_dir
from curator.spec.places import ConfigFile, Places, places_of
from curator.spec.words import Words, relax, restore

__all__ = ["Composed", "compose", "split_document"]

_SETTINGS = ("out", "engine", "store", "labels", "publish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """One composed configuration: plain, resolved, with the places of its keys."""

    recipe: Mapping[str, Any]
    """The recipe's keys."""
    settings: Mapping[str, Any]
    """``out``, ``engine``, ``store``, ``labels``, ``publish``."""
    places: Places


def compose(words: Words) -> list[Composed]:
    """Every configuration that a command line asks for: one, or all of a sweep.

    Where the words ask Hydra to show something (``--cfg job``, ``--info``), it is printed by Hydra
    and the list is empty.

    Raises:
        RecipeError: for what Hydra cannot compose.
        RecipeErrors: for a recipe file that is not YAML or reaches for what is not a recipe's.
        UsageError: for an override that is not in Hydra's grammar.
        SystemExit: for flags that Hydra does not know, with code 2.
    """
    # Not at the top: Hydra takes most of a second to import.
    import hydra
    from hydra.core.config_store import ConfigStore
    from hydra.core.hydra_config import HydraConfig

    from curator.spec.hydra_errors import translated
    from curator.spec.search import register

    register(words.folder)
    ConfigStore.instance().store(name="recipe_defaults", node=recipe_defaults())
    found: list[Composed] = []

    def app(config: Any) -> None:
        found.append(_taken_down(config, HydraConfig.get(), words))

    def many(configs: Sequence[Any]) -> list[None]:
        found.extend(_taken_down(config, config.hydra, words) for config in configs)
        return [None] * len(configs)

    app.many = many  # type: ignore[attr-defined]  # called by the fused launcher
    # 1.4 deprecates the argument that 1.3 asks for.
    base = {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}
    main = hydra.main(config_path=str(data_dir("conf")), config_name="config", **base)(app)
    argv = [*words.flags, *(relax(word) for word in words.overrides)]
    # Hydra writes down every sweep somewhere; we keep what it says in the release instead.
    with TemporaryDirectory(prefix="curator-") as folder:
        aside = [f"hydra.sweep.dir='{folder}'"] if "-sc" not in words.flags else []
        with _command_line([*argv, *aside]), translated(words):
            main()
    return found


def split_document(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A composed document as the recipe's part and the settings' part."""
    recipe = {key: value for key, value in document.items() if key not in _SETTINGS}
    return recipe, {key: document[key] for key in _SETTINGS if key in document}


def _taken_down(config: Any, hydra: Any, words: Words) -> Composed:
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode
    from omegaconf import OmegaConf, open_dict

    config = config.copy()
    with open_dict(config):
        config.pop("hydra", None)
    # MISSING stays "???": the compiler says what to write and where.
    document = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    assert isinstance(document, dict), "a composed configuration is a map"
    lines = list(hydra.overrides.task)
    defaults = (
        GlobalHydra.instance()
        .config_loader()
        .compute_defaults_list(config_name="config", overrides=lines, run_mode=RunMode.RUN)
    )
    files = _files(defaults.defaults, hydra.runtime.config_sources)
    overrides = [restore(line, words.overrides) for line in lines]
    recipe, settings = split_document({str(key): value for key, value in document.items()})
    places = places_of(files, overrides, known=_paths(recipe_defaults()))
    return Composed(recipe=recipe, settings=settings, places=places)


def _files(defaults: Sequence[Any], sources: Sequence[Any]) -> list[ConfigFile]:
    files = []
    for default in defaults:
        file = _find(default.config_path or "", sources)
        if file is not None:
            files.append(ConfigFile(file, default.package or ""))
    return files


def _find(config_path: str, sources: Sequence[Any]) -> Path | None:
    """The file of a config, on the same path in the same order as Hydra; None for what is no file."""
    for source in sources:
        name = config_path
        if source.schema == "recipes":
            group, _, name = config_path.partition("/")
            if group != "recipe":
                continue
        elif source.schema != "file":
            continue
        file = Path(source.path) / f"{name}.yaml"
        if name and file.is_file():
            return file
    return None


def _paths(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")


@contextmanager
def _command_line(argv: Sequence[str]) -> Iterator[None]:
    """Hydra reads ``sys.argv``, and prints a summary instead of raising unless told otherwise."""
    words, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["curator", *argv]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = words
        if full is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full
