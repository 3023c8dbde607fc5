"""Conditions on the columns of samples: ``face.height_px >= 400 and split == 'train'``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curator.errors import UsageError
from curator.registry import nearest

__all__ = ["Where"]

_COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.GtE: pc.greater_equal,
    ast.Gt: pc.greater,
    ast.LtE: pc.less_equal,
    ast.Lt: pc.less,
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
}
_LARGEST = 4096


@dataclass(frozen=True, slots=True)
class Where:
    """A condition: comparisons of columns with numbers or text, joined by ``and``, ``or``, ``not``.

    A sample without a value in a column meets no comparison with it, and no negation of one.
    """

    text: str
    _tree: ast.expr

    @staticmethod
    def parse(text: str) -> Where:
        """Read a condition.

        Raises:
            UsageError: ``usage-where``, with what was not understood.
        """
        try:
            tree = ast.parse(text[:_LARGEST], mode="eval").body
        except (SyntaxError, ValueError, RecursionError) as error:
            raise _not_understood(text, "it is no condition") from error
        where = Where(text, tree)
        _check(tree, text)
        return where

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it looks at, sorted."""
        return tuple(sorted(_names(self._tree)))

    def check(self, names: Collection[str]) -> None:
        """Compare the columns with those that there are.

        Raises:
            UsageError: ``usage-where`` for one that there is not.
        """
        for name in self.columns:
            if name not in names:
                known = [one for one in names if not one.startswith(("tracks.", "video", "audio"))]
                raise UsageError(
                    f"samples have no column '{name}'",
                    reason="usage-where",
                    hint=nearest(name, known),
                )

    def mask(self, table: pa.Table) -> pa.ChunkedArray | pa.Array:
        """Which rows meet it.

        Raises:
            UsageError: ``usage-where`` for a column that the table does not have, or that cannot be compared so.
        """
        self.check(table.column_names)
        try:
            said = _evaluate(self._tree, table)
        except pa.ArrowException as error:
            raise _not_understood(self.text, str(error)) from error
        return pc.fill_null(said, fill_value=False)


def _evaluate(node: ast.expr, table: pa.Table) -> Any:
    if isinstance(node, ast.BoolOp):
        join = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
        said = [_evaluate(one, table) for one in node.values]
        out = said[0]
        for one in said[1:]:
            out = join(out, one)
        return out
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return pc.invert(_evaluate(node.operand, table))
    assert isinstance(node, ast.Compare), "checked when it was parsed"
    left, out = _value(node.left, table), None
    for operator, right_node in zip(node.ops, node.comparators, strict=True):
        right = _value(right_node, table)
        said = _COMPARE[type(operator)](left, right)
        out = said if out is None else pc.and_kleene(out, said)
        left = right
    return out


def _value(node: ast.expr, table: pa.Table) -> Any:
    name = _name(node)
    if name is not None:
        return table.column(name)
    return pa.scalar(_constant(node))


def _check(node: ast.expr, text: str) -> None:
    """Nothing but comparisons of names and constants."""
    if isinstance(node, ast.BoolOp):
        for one in node.values:
            _check(one, text)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, text)
    elif isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        sides = [node.left, *node.comparators]
        if not all(_name(side) is not None or _constant(side) is not None for side in sides):
            raise _not_understood(text, "compare columns with numbers or quoted text")
        if all(_name(side) is None for side in sides):
            raise _not_understood(text, "a comparison needs a column")
    else:
        raise _not_understood(text, "only comparisons, `and`, `or` and `not` are known")


def _name(node: ast.expr) -> str | None:
    """``face.height_px`` as written; None for what is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _name(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.expr) and (name := _name(node)) is not None:
        return {name}
    return {name for child in ast.iter_child_nodes(node) for name in _names(child)}


def _constant(node: ast.expr) -> float | str | bool | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _constant(node.operand)
        return -value if isinstance(value, int | float) else None
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    return None


def _not_understood(text: str, why: str) -> UsageError:
    return UsageError(
        f"--where '{text}' is not understood: {why}",
        reason="usage-where",
        hint="e.g. --where \"face.height_px >= 400 and split == 'train'\"",
    )
