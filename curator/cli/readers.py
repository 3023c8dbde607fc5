"""What `curator ops` says of readers of sidecars."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

__all__ = ["facts", "names", "page", "row"]


def names() -> list[str]:
    """Every installed reader."""
    from curator.registry import readers

    return list(readers())


def facts(name: str) -> dict[str, Any]:
    """Everything that is known of a reader.

    Raises:
        MeasureError: ``reader-unknown``, ``reader-import``.
    """
    from curator.cli.extras import extra_present
    from curator.registry import load_reader

    loaded = load_reader(name)
    return {
        "name": name,
        "kind": "reader",
        "version": loaded.version,
        "about": inspect.getdoc(loaded) or "",
        "suffixes": list(loaded.suffixes),
        "extra": loaded.extra,
        "extra_present": loaded.extra is None or extra_present(loaded.extra),
        "settings": _settings(loaded),
    }


def row(fact: Mapping[str, Any]) -> str:
    """One reader in the list."""
    parts = [f"reads {_files(fact)}"]
    if not fact["extra_present"]:
        parts.append(f"needs: pip install 'curator-build[{fact['extra']}]'")
    first = fact["about"].split("\n\n")[0].replace("\n", " ")
    return f"{'; '.join(parts)}\n    {first}"


def page(fact: Mapping[str, Any]) -> list[str]:
    """One reader on a page of its own."""
    lines = [f"{fact['name']} (reader, version {fact['version']})", "", *fact["about"].splitlines()]
    lines += ["", f"reads    {_files(fact)}"]
    if fact["extra"]:
        state = "installed" if fact["extra_present"] else "not installed"
        lines.append(f"extra    curator-build[{fact['extra']}], {state}")
    for one in fact["settings"]:
        unit = f" [{one['unit']}]" if one["unit"] else ""
        lines.append(f"settings {one['name']} = {one['default']}{unit}  {one['about']}")
    return lines


def _settings(loaded: type) -> list[dict[str, Any]]:
    from dataclasses import fields

    from curator.spec.operand import settings_document
    from curator.spec.read import unit_of
    from curator.spec.schema import field_docs

    docs, values = field_docs(loaded), settings_document(cast("Any", loaded)())
    return [
        {"name": f.name, "default": values[f.name], "unit": unit_of(f), "about": docs[f.name]}
        for f in fields(cast("Any", loaded))
    ]


def _files(fact: Mapping[str, Any]) -> str:
    return ", ".join(fact["suffixes"]) or "files when a recipe names it"
