"""The words that go with a clip where a trainer wants exactly one text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curator.errors import ConvertError
from curator.registry import nearest
from curator.release.read import ReleaseFolder

__all__ = ["Captions"]

_TRACK = "tracks."


@dataclass(frozen=True, slots=True)
class Captions:
    """From a text track, all of it in time order; from a column of text; or the same for all clips."""

    column: str | None
    """None: only what the recipe says of all clips."""
    fallback: str

    @classmethod
    def of(cls, schema: pa.Schema, release: ReleaseFolder, name: str | None) -> Captions:
        """Captions from what `name` means; without a name, the only text track, else the recipe's description.

        Raises:
            ConvertError: ``caption-unknown``.
        """
        fallback = str(release.lock().get("recipe", {}).get("description") or release.name)
        tracks = [one.name for one in schema if _is_text_track(one)]
        texts = [one.name for one in schema if pa.types.is_string(one.type)]
        if name is None:
            return cls(tracks[0] if len(tracks) == 1 else None, fallback)
        found = next((one for one in (_TRACK + name, name) if one in [*tracks, *texts]), None)
        if found is None:
            known = [*(one.removeprefix(_TRACK) for one in tracks), *texts]
            raise ConvertError(
                f"'{name}' is neither a text track nor a column of text",
                reason="caption-unknown",
                hint=nearest(name, known),
            )
        return cls(found, fallback)

    def text(self, row: Mapping[str, Any]) -> str:
        """The caption of a row, on one line; of one without words, what holds for all."""
        held = row.get(self.column) if self.column is not None else None
        if isinstance(held, list):
            held = " ".join(cue["text"] for cue in held if cue["text"])
        return " ".join((held or self.fallback).split())


def _is_text_track(field: pa.Field) -> bool:
    return bool(field.name.startswith(_TRACK) and pa.types.is_list(field.type))
