"""What a release tells of itself, told again for a part of it or under another name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from curator.pack.layouts import layout_of
from curator.release.croissant import refreshed
from curator.release.manifest import CROISSANT, write_json

__all__ = ["card_matter", "join_card", "retell", "retold_card", "retold_croissant"]

_FENCE = "---\n"
_SIZES = ("splits", "download_size", "dataset_size")


def retell(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write card and Croissant metadata in a folder again, for the samples and files that `manifest` has.

    Digests of both files change; whoever calls this describes them again.
    """
    readme, croissant = folder / "README.md", folder / CROISSANT
    if readme.is_file():
        told = retold_card(readme.read_text(encoding="utf-8"), manifest)
        readme.write_text(told, encoding="utf-8", newline="\n")
    if croissant.is_file():
        document = json.loads(croissant.read_text(encoding="utf-8"))
        again = retold_croissant(document, manifest, version=document["version"])
        write_json(croissant, again)


def retold_card(text: str, manifest: Mapping[str, Any]) -> str:
    """The card with metadata that names no split and no size that is not so any more.

    `datasets` refuses a split that has other rows than the card says, and one that has no file.
    """
    matter, body = card_matter(text)
    if not matter:
        return text
    rows = Counter(told["split"] for told in manifest["samples"].values())
    for config in matter.get("configs", ()):
        files = config["data_files"]
        if isinstance(files, list) and rows:
            config["data_files"] = [one for one in files if rows[one["split"]]]
    for info in matter.get("dataset_info", ()):
        held = {one["name"]: one["num_examples"] for one in info.get("splits", ())}
        if held != dict(rows):
            for name in _SIZES:
                info.pop(name, None)
    return join_card(matter, body)


def join_card(matter: Mapping[str, Any], body: str) -> str:
    """A card of metadata and Markdown."""
    written = yaml.safe_dump(dict(matter), sort_keys=False, allow_unicode=True, width=1000)
    return f"{_FENCE}{written}{_FENCE}{body}"


def retold_croissant(
    document: Mapping[str, Any],
    manifest: Mapping[str, Any],
    *,
    version: str,
    url: str | None = None,
) -> dict[str, Any]:
    """Croissant metadata that lists the files of `manifest`."""
    return refreshed(
        document, manifest["files"], version=version, url=url, layout=layout_of(manifest)
    )


def card_matter(text: str) -> tuple[dict[str, Any], str]:
    """(metadata, Markdown) of a card; no metadata when it has none."""
    if not text.startswith(_FENCE) or f"\n{_FENCE}" not in text[len(_FENCE) :]:
        return {}, text
    matter, _, body = text[len(_FENCE) :].partition(f"\n{_FENCE}")
    return yaml.safe_load(matter) or {}, body
