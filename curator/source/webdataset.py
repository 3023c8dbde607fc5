"""WebDataset: tar files of samples, whose members belong together by the start of their names.

``dir/KEY.FIELD``: the key ends at the first dot. ``KEY.mp4`` is the video; what else has its key are its
sidecars, by their fields: ``txt``, ``json``, ``left`` for ``left.mp4``. Names with dots in them
(``film.s01.mp4``) have no plain video: there, each video is a sample of its own.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from curator.errors import Location, RecipeError
from curator.source.address import VIDEO_SUFFIXES, is_hidden, redacted
from curator.source.commits import at_commit
from curator.source.manifest import ManifestRow
from curator.source.tars import DamagedTarError, Member, read_members

__all__ = ["read_samples"]


def read_samples(
    url: str, *, pins: Mapping[str, str]
) -> tuple[list[ManifestRow], list[RecipeError]]:
    """The videos of a tar file with their sidecars, and what is wrong with it (``manifest-invalid``).

    ``license`` and ``attribution`` are those of the sample's JSON, where it has them.

    Raises:
        OSError and what else `curator.source.address.remote_errors` names: it cannot be read.
    """
    place = Location(redacted(url), 1, 1)
    try:
        members = read_members(at_commit(url, pins))
    except DamagedTarError as error:
        return [], [RecipeError(str(error), reason="manifest-invalid", where=place)]
    shown = [name for name in members if not is_hidden(name.split("/"))]
    names = [name for name in shown if "::" not in name]
    errors = [
        RecipeError(
            f"a member's name cannot be part of an address: {name!r}",
            reason="manifest-invalid",
            where=place,
            hint="names of members must not contain '::'",
        )
        for name in sorted({*shown} - {*names})
    ]
    rows = [
        ManifestRow(
            url=f"tar://{video}::{url}",
            place=place,
            sidecars={role: f"tar://{name}::{url}" for role, name in beside.items()},
            **_rights(members[beside["json"]] if "json" in beside else None),
        )
        for video, beside in _samples(names)
    ]
    return rows, errors


def _samples(names: Iterable[str]) -> Iterable[tuple[str, dict[str, str]]]:
    """Each video, with role to member of what belongs to it."""
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        folder, base = posixpath.split(name)
        key, _, field = base.partition(".")
        groups.setdefault(posixpath.join(folder, key), {})[field] = name
    for group in groups.values():
        plain = sorted(field for field in group if f".{field.lower()}" in VIDEO_SUFFIXES)
        if plain:
            main = "mp4" if "mp4" in plain else plain[0]
            yield group[main], _roles({f: name for f, name in group.items() if f != main})
            continue
        for name in sorted(group.values()):
            stem, ending = posixpath.splitext(name)
            if ending.lower() in VIDEO_SUFFIXES:
                own = [one for one in group.values() if one.startswith(f"{stem}.") and one != name]
                yield name, _roles({one[len(stem) + 1 :]: one for one in own})


def _roles(fields: Mapping[str, str]) -> dict[str, str]:
    """``txt`` is a role, and ``left.mp4`` is ``left`` unless there is a ``left.json`` as well."""
    short = {field: field.rpartition(".")[0] or field for field in fields}
    taken = [*short.values(), *fields]
    return {
        role if taken.count(role) == 1 or role == field else field: fields[field]
        for field, role in sorted(short.items())
    }


def _rights(about: Member | None) -> dict[str, Any]:
    """What a sample's JSON says of its rights, if anything."""
    try:
        told = json.loads(about.data) if about is not None and about.data is not None else None
    except ValueError:
        return {}  # it is somebody else's
    if not isinstance(told, dict):
        return {}
    said = {name: told.get(name) for name in ("license", "attribution")}
    return {
        name: text.strip() for name, text in said.items() if isinstance(text, str) and text.strip()
    }
