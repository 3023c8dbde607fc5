"""Hydra's and OmegaConf's complaints in our words: what, where, and the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from curator.errors import CuratorError, Location, RecipeError, UsageError
from curator.spec.words import Words, override_key, restore

__all__ = ["translated"]

_NOISE = ("full_key:", "object_type=", "reference_type=", "Set the environment variable")
_GRAMMAR = "key=value, +key=value to add, ~key to take away; quote braces and blanks for the shell"
_SEVERAL = re.compile(r"Ambiguous value for argument '(.+)'")
_DELETED = re.compile(r"Could not delete from config\. '([^']+)' does not exist")


@contextmanager
def translated(words: Words) -> Iterator[None]:
    """Raise our errors in place of Hydra's.

    Raises:
        RecipeError: for what cannot be composed.
        UsageError: for what is not in Hydra's grammar.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise _translate(error, words) from error
    except ValueError as error:  # Hydra's own word for flags and group values that make no sense
        raise UsageError(str(error), reason="usage-override", hint=_GRAMMAR) from error


def _translate(error: Exception, words: Words) -> CuratorError:
    from hydra.errors import MissingConfigException, OverrideParseException
    from omegaconf.errors import InterpolationKeyError

    if isinstance(error, OverrideParseException):
        return UsageError(
            f"'{error.override}' is not an override: {_text(error).splitlines()[0]}",
            reason="usage-override",
            hint=_GRAMMAR,
        )
    if isinstance(error, MissingConfigException):
        return _missing(error.missing_cfg_file or "", error.options or (), _text(error), words)
    several = _SEVERAL.search(_text(error))
    if several:
        return UsageError(
            f"'{restore(several[1], words.overrides)}' has several values",
            reason="usage-sweep",
            hint="-m tries each of them; quotes inside the value make it one text",
        )
    deleted = _DELETED.search(_text(error))
    if deleted:
        return RecipeError(
            f"there is no '{deleted[1]}' to take away",
            reason="recipe-unknown-key",
            where=_where(words, deleted[1]),
            hint="`--cfg job` shows what there is",
        )
    cause = error.__cause__
    if isinstance(cause, InterpolationKeyError) or isinstance(error, InterpolationKeyError):
        return RecipeError(_text(error), reason="recipe-interpolation")
    return RecipeError(_text(error), reason="recipe-compose")


def _missing(config: str, options: Sequence[str], text: str, words: Words) -> CuratorError:
    from curator.registry import nearest  # it knows measures, so it imports arrays

    group, _, name = config.rpartition("/")
    if not options or not group:
        return RecipeError(text, reason="recipe-compose")
    kind = "recipe" if group == "recipe" else f"'{group}' configuration"
    return RecipeError(
        f"no {kind} is called '{name}'",
        reason="recipe-unknown",
        where=_where(words, group),
        hint=nearest(name, list(options)),
    )


def _where(words: Words, key: str) -> Location | None:
    for word in words.overrides:
        if override_key(word) == key:
            return Location("command line", 1, word.find("=") + 2 if "=" in word else 1)
    return None


def _text(error: BaseException) -> str:
    """All that was said along the chain of causes, each line once, without bookkeeping."""
    lines: dict[str, None] = {}
    cause: BaseException | None = error
    while cause is not None:
        said = (line.strip() for line in str(cause).splitlines())
        lines.update((line, None) for line in said if line and not line.startswith(_NOISE))
        cause = cause.__cause__
    return "\n".join(lines) or type(error).__name__
