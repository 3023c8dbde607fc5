"""What a condition can ask of the manifest that names a video: ``manifest.COLUMN``."""

from __future__ import annotations

from collections.abc import Mapping

from curator.spec.operand import Operand
from curator.spec.recipe import Condition

__all__ = ["MANIFEST", "UNIT", "column_of", "columns_of", "is_manifest", "resolve_manifest"]

MANIFEST = "manifest"
"""The name before the dot."""
UNIT = "of the column"
"""A column may hold numbers or words."""


def is_manifest(of: str) -> bool:
    """Whether a condition is about a column of a manifest, not about a measure."""
    return of.startswith(f"{MANIFEST}.") and len(of) > len(MANIFEST) + 1


def resolve_manifest(of: str) -> Operand:
    """What such a condition asks: one value per video, known before the video is opened."""
    return Operand(
        measure=MANIFEST,
        op=MANIFEST,
        params={},
        series=None,
        stat=None,
        signal=of.removeprefix(f"{MANIFEST}."),
        unit=UNIT,
    )


def column_of(operand: Operand) -> str | None:
    """The column that an operand is about; None where it is about something else."""
    return operand.signal if operand.op == MANIFEST else None


def columns_of(keep: Mapping[str, Condition]) -> dict[str, str]:
    """Every column that a recipe asks for, with the condition that must find it, if there is one.

    A condition with ``absent: keep`` fits footage of which no manifest has the column: its name is empty.
    """
    out: dict[str, str] = {}
    for name, condition in keep.items():
        if is_manifest(condition.of):
            column = condition.of.removeprefix(f"{MANIFEST}.")
            must = name if condition.absent is not condition.absent.keep else ""
            out[column] = out.get(column) or must
    return out
