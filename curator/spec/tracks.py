"""What ``sources.*.read``, ``align`` and ``sample`` of a recipe say of tracks, resolved and typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from curator.errors import MeasureError, RecipeError
from curator.registry import aligners, load_aligner, load_reader, nearest, readers
from curator.spec.operand import resolve_series
from curator.spec.operators import operator, read_params
from curator.spec.read import Reader
from curator.spec.recipe import AlignSpec, ClockSpec, MeasureSpec, ReadSpec

__all__ = [
    "OWN_AUDIO",
    "SIDECAR",
    "SOUND",
    "check_role",
    "check_tracks",
    "names_its_own",
    "read_align",
    "read_readers",
    "roles_of",
    "sidecar_of",
]

SIDECAR = "sidecar."
"""What names of sidecars' tracks begin with, where series of measures could be meant as well."""
SOUND = "sound"
"""The reader of audio, which is no plugin: audio is decoded where it is needed."""
OWN_AUDIO = "audio"
"""Name under ``align`` of the sound that samples carry."""
_MANIFESTS = frozenset({".csv", ".jsonl", ".parquet", ".tar"})
_VIDEOS = frozenset({".mp4", ".mkv", ".mov", ".webm"})
_TELLS = re.compile(r"metadata\.(csv|jsonl)|.*\.(parquet|tar)")
"""What a folder of videos, or of what holds videos, may have that names sidecars."""


def sidecar_of(of: str) -> tuple[str, str] | None:
    """(role, track) of ``sidecar.ROLE.TRACK``; the track is empty where the file holds one. None for others."""
    if not of.startswith(SIDECAR):
        return None
    role, _, track = of.removeprefix(SIDECAR).partition(".")
    return role, track


def roles_of(node: Mapping[str, Any]) -> frozenset[str] | None:
    """Every role that a source of the document names; None when a manifest or a dataset names others."""
    sources = node.get("sources", {})
    roles: set[str] = set()
    for entry in sources.values() if isinstance(sources, Mapping) else ():
        if not isinstance(entry, Mapping):
            continue
        url = entry.get("url")
        if isinstance(url, str) and names_its_own(url):
            return None
        for name in ("sidecars", "read"):
            held = entry.get(name)
            roles |= {str(role) for role in held} if isinstance(held, Mapping) else set()
    return frozenset(roles)


def names_its_own(url: str) -> bool:
    """Whether what is there may say itself what lies beside its videos, and their rights: tables, shards, datasets."""
    if PurePosixPath(url).suffix.lower() in _MANIFESTS:
        return True
    if "://" in url:
        # What a folder elsewhere holds is not looked up for this.
        return not any(sign in url for sign in "*?[") and PurePosixPath(url).suffix not in _VIDEOS
    folder = Path(url).expanduser()
    if (folder / "meta" / "info.json").is_file():
        return True
    return any(_TELLS.fullmatch(file.name) for file in folder.rglob("*.*"))


def read_readers(node: Any, path: str, reader: Reader) -> dict[str, ReadSpec | None]:
    """How the sidecars of one source are read, by role; mistakes go to `reader`."""
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", path, f"'{path}' is a map of roles")
        return {}
    return {str(role): _read(entry, f"{path}.{role}", reader) for role, entry in node.items()}


def read_align(
    node: Any, roles: frozenset[str] | None, reader: Reader
) -> dict[str, AlignSpec | None]:
    """What must agree with the pictures, by track; mistakes go to `reader`."""
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", "align", "'align' is a map of tracks")
        return {}
    out: dict[str, AlignSpec | None] = {}
    for name, entry in node.items():
        path = f"align.{name}"
        if str(name) != OWN_AUDIO:
            check_role(str(name).partition(".")[0], path, roles, reader, at_key=True)
        out[str(name)] = _align(entry, path, reader)
    return out


def check_tracks(
    node: Any, named: Mapping[str, MeasureSpec], roles: frozenset[str] | None, reader: Reader
) -> None:
    """Note what ``sample`` names that does not exist; its form is checked with the rest of the recipe."""
    sample = node if isinstance(node, Mapping) else {}
    audio, tracks, videos = (sample.get(name) for name in ("audio", "tracks", "videos"))
    _check_file(audio, "sample.audio", roles, reader)
    for name, entry in videos.items() if isinstance(videos, Mapping) else ():
        _check_file(entry, f"sample.videos.{name}", roles, reader)
    for name, entry in tracks.items() if isinstance(tracks, Mapping) else ():
        of = entry.get("of") if isinstance(entry, Mapping) else None
        if isinstance(of, str):
            _check_track(of, f"sample.tracks.{name}.of", named, roles, reader)


def _check_file(node: Any, path: str, roles: frozenset[str] | None, reader: Reader) -> None:
    """What is taken from another file as a whole: a sound, a camera."""
    of = node.get("of") if isinstance(node, Mapping) else None
    if not isinstance(of, str):
        return
    found = sidecar_of(of)
    if found is None or found[1]:
        message = f"'{of}' is no file beside the video: name one as sidecar.ROLE"
        reader.note("recipe-unknown-signal", f"{path}.of", message)
    else:
        check_role(found[0], f"{path}.of", roles, reader)


def _check_track(
    of: str,
    path: str,
    named: Mapping[str, MeasureSpec],
    roles: frozenset[str] | None,
    reader: Reader,
) -> None:
    found = sidecar_of(of)
    if found is not None:
        check_role(found[0], path, roles, reader)
        return
    try:
        resolve_series(of, named)
    except (RecipeError, MeasureError) as error:
        reader.note(error.reason, path, error.message, hint=error.hint)


def check_role(
    role: str, path: str, roles: frozenset[str] | None, reader: Reader, *, at_key: bool = False
) -> None:
    """Note a role that no source names."""
    if roles is None or role in roles:
        return
    known = nearest(role, sorted(roles)) if roles else "add it: sources.NAME.sidecars.ROLE"
    message = f"no source has a sidecar '{role}'"
    reader.note("recipe-unknown-sidecar", path, message, hint=known, at_key=at_key)


def _read(node: Any, path: str, reader: Reader) -> ReadSpec | None:
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", path, f"'{path}' is a map of settings")
        return None
    op = node.get("op")
    own = {key: value for key, value in node.items() if key not in {"op", "clock", "_target_"}}
    clock = reader.record(ClockSpec, node.get("clock", {}), f"{path}.clock")
    params: dict[str, Any] = {}
    if op == SOUND:
        params = _sound(own, path, reader)
    elif op is not None:
        kind = operator(op, path, {SOUND: None, **readers()}, load_reader, reader)
        params = read_params(kind, own, path, reader) if kind is not None else {}
    elif own:
        message = f"'{path}' has settings, so it must say which reader they are for"
        reader.note("recipe-missing", path, message, hint=f"{path}.op=...", at_key=True)
    return None if clock is None else ReadSpec(op=op, clock=clock, params=params)


def _sound(own: Mapping[str, Any], path: str, reader: Reader) -> dict[str, Any]:
    """Which audio stream of a file is meant: by language, or by its number among audio streams."""
    reader.unknown(own, {"language": None, "stream": None}, path)
    out: dict[str, Any] = {}
    for name, kind in (("language", str), ("stream", int)):
        if own.get(name) is not None:
            out[name] = reader.convert(own[name], kind, "", f"{path}.{name}")
    return out


def _align(node: Any, path: str, reader: Reader) -> AlignSpec | None:
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", path, f"'{path}' is a map of settings")
        return None
    kind = operator(node.get("op"), path, aligners(), load_aligner, reader)
    named = set(AlignSpec.__dataclass_fields__)
    own = {key: value for key, value in node.items() if key not in {*named, "_target_"}}
    params = read_params(kind, own, path, reader) if kind is not None else {}
    rest = {key: value for key, value in node.items() if key in named}
    return reader.record(AlignSpec, rest, path, params=params)
