"""Everything a user can be told went wrong.

    CuratorError
    ├── RecipeErrors     all the mistakes of a recipe at once; nothing has run      exit 1
    ├── RecipeError      one mistake of a recipe                                    exit 1
    ├── SourceError      footage that cannot be found, opened or trusted            exit 1
    ├── MediaError       one video cannot be read; the others go on
    ├── MeasureError     one measure cannot run (missing extra, weights, model)     exit 1
    ├── StoreError       the store cannot be trusted or written                     exit 1
    ├── RemoteError      a published dataset cannot be reached, read or written     exit 1
    ├── LoaderError      a release cannot be fed to a training as asked             exit 1
    ├── BuildError       the build ended, but not as asked (error budget)           exit 3
    └── UsageError       the command line makes no sense                            exit 2

A broken invariant is not listed here: that is an `assert`, and the command line prints it as our bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "BuildError",
    "ConvertError",
    "CuratorError",
    "LoaderError",
    "Location",
    "MeasureError",
    "MediaError",
    "RecipeError",
    "RecipeErrors",
    "RemoteError",
    "SourceError",
    "StoreError",
    "UsageError",
    "render",
]


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a recipe file (or ``command line``), 1-based, as editors count."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class CuratorError(Exception):
    """Base class: one sentence for people, one `reason` slug for programs and tests."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        where: Location | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.where = where
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel from worker processes; the default would lose the keyword arguments.
        return (_rebuild, (type(self), self.message, self.reason, self.where, self.hint))


class RecipeError(CuratorError):
    """One mistake in a recipe, with the place where it was written."""


class RecipeErrors(CuratorError):  # noqa: N818 - it holds several
    """All the mistakes found in a recipe, in file order."""

    def __init__(self, errors: Sequence[RecipeError]) -> None:
        assert errors, "an empty list of mistakes is no error"
        super().__init__(
            f"the recipe has {len(errors)} mistake{'s' if len(errors) > 1 else ''}",
            reason="recipe-invalid",
        )
        self.errors = tuple(errors)


class SourceError(CuratorError):
    """Footage that cannot be found, opened or trusted."""


class MediaError(CuratorError):
    """One video cannot be read. It costs that video, never the build."""


class MeasureError(CuratorError):
    """A measure cannot run: what is missing and how to get it."""


class StoreError(CuratorError):
    """The store cannot be trusted or written."""


class RemoteError(CuratorError):
    """A published dataset cannot be reached, read or written."""


class LoaderError(CuratorError):
    """A release cannot be fed to a training as asked: what is missing, or what does not fit."""


class ConvertError(CuratorError):
    """A release cannot be written in the layout of another tool: what it lacks, or what does not fit."""


class BuildError(CuratorError):
    """The build finished what could be finished, but too many videos failed."""

    exit_code = 3


class UsageError(CuratorError):
    """The command line makes no sense."""

    exit_code = 2


def render(error: CuratorError) -> str:
    """The lines a terminal shows: what, where, what to do next."""
    if isinstance(error, RecipeErrors):
        return "\n".join([*(render(one) for one in error.errors), f"error: {error.message}"])
    lines = [f"error[{error.reason}]: {error.message}"]
    if error.where is not None:
        lines.append(f"  --> {error.where}")
    if error.hint is not None:
        lines.append(f"  help: {error.hint}")
    return "\n".join(lines)


def _rebuild(
    kind: type[CuratorError], message: str, reason: str, where: Location | None, hint: str | None
) -> CuratorError:
    if issubclass(kind, RecipeErrors):
        return RecipeErrors([RecipeError(message, reason=reason, where=where, hint=hint)])
    return kind(message, reason=reason, where=where, hint=hint)
