"""A composed document becomes a typed `Recipe`, or all its mistakes at once.

Only the measures that the recipe names are imported, and none of them is started.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from curator.errors import MeasureError, RecipeError
from curator.registry import load_measure, load_shots, measures, nearest, shot_detectors
from curator.spec.conditions import read_conditions
from curator.spec.crops import check_crop
from curator.spec.defaults import REQUIRED
from curator.spec.operand import resolve_series
from curator.spec.operators import operator, read_params
from curator.spec.places import Places
from curator.spec.ranges import RECIPE_CHECKS, SETTINGS_CHECKS
from curator.spec.read import Reader
from curator.spec.recipe import (
    LayoutName,
    MeasureSpec,
    PackSpec,
    Recipe,
    RightsMode,
    RightsSpec,
    SegmentSpec,
    ShotsSpec,
    SnapSpec,
    SourceSpec,
)
from curator.spec.selection import read_balance, read_distinct
from curator.spec.settings import EngineSpec, LabelsSpec, PublishSpec, Settings, StoreSpec
from curator.spec.splits import read_splits
from curator.spec.tracks import (
    check_role,
    check_tracks,
    names_its_own,
    read_align,
    read_readers,
    roles_of,
    sidecar_of,
)

__all__ = ["compile_recipe", "compile_settings"]

_ENTRY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MAPS = ("sources", "measure", "keep", "splits", "balance", "align")


def compile_recipe(
    node: Mapping[str, Any], places: Places | None = None, *, footage: bool = True
) -> Recipe:
    """Type and check a recipe document.

    Args:
        node: The recipe's keys, plain and resolved.
        places: Where each of them was written.
        footage: Whether urls and licences of sources must be given; a shipped recipe leaves them open.

    Raises:
        RecipeErrors: all mistakes, in file order.
    """
    reader = Reader(places or Places(), RECIPE_CHECKS)
    for path in _targets(node, ""):
        reader.note(
            "recipe-target",
            path,
            f"'{path}' is refused: a recipe is data and cannot name code to run",
            hint="name an installed operator: `op: NAME` (`curator ops`)",
            at_key=True,
        )
    measure = _measures(node.get("measure", {}), reader)
    roles = roles_of(node)
    maps: dict[str, Any] = {
        "sources": _sources(node, reader, footage=footage),
        "segment": _segment(node.get("segment", {}), measure, roles, reader),
        "measure": measure,
        "keep": read_conditions(
            node.get("keep", {}),
            "keep",
            per_frame=False,
            named=measure,
            reader=reader,
            roles=roles,
        ),
        "distinct": read_distinct(node.get("distinct"), measure, reader),
        "balance": read_balance(node.get("balance", {}), measure, reader),
        "places": reader.places.values,
    }
    if isinstance(node.get("pack"), str):
        maps["pack"] = reader.record(PackSpec, {"layout": node["pack"]}, "pack")
    if isinstance(node.get("rights"), Mapping):
        maps["rights"] = reader.record(RightsSpec, node["rights"], "rights")
    maps["align"] = read_align(node.get("align", {}), roles, reader)
    check_tracks(node.get("sample"), measure, roles, reader)
    check_crop(node.get("sample"), measure, reader)
    _check_layout(node, reader)
    _check_names(node, reader)
    recipe = reader.record(Recipe, node, "", **maps)
    reader.finish()
    assert recipe is not None, "a reader without errors has made its record"
    return recipe


def compile_settings(node: Mapping[str, Any], places: Places | None = None) -> Settings:
    """Type and check how a build is run.

    Raises:
        RecipeErrors: all mistakes.
    """
    reader = Reader(places or Places(), SETTINGS_CHECKS)
    parts = {
        "engine": reader.record(EngineSpec, node.get("engine", {}), "engine"),
        "store": reader.record(StoreSpec, node.get("store", {}), "store"),
        "labels": reader.record(LabelsSpec, node.get("labels", {}), "labels"),
        "publish": reader.record(PublishSpec, node.get("publish", {}), "publish"),
    }
    settings = reader.record(Settings, node, "", **parts)
    reader.finish()
    assert settings is not None, "a reader without errors has made its record"
    return settings


def _targets(node: Any, path: str) -> Iterator[str]:
    """Every place where somebody wrote ``_target_``."""
    entries: list[tuple[Any, Any]] = []
    if isinstance(node, Mapping):
        entries = list(node.items())
    elif isinstance(node, list):
        entries = list(enumerate(node))
    for name, inner in entries:
        full = f"{path}.{name}" if path else str(name)
        if name == "_target_":
            yield full
        yield from _targets(inner, full)


def _check_layout(node: Mapping[str, Any], reader: Reader) -> None:
    pack, sample = node.get("pack"), node.get("sample")
    layout = pack.get("layout") if isinstance(pack, Mapping) else pack
    if layout != LayoutName.files.name or not isinstance(sample, Mapping):
        return
    if sample.get("video", {}) is None:
        reader.note(
            "recipe-layout",
            "pack.layout" if isinstance(pack, Mapping) else "pack",
            "a folder of clips needs pictures, and `sample.video` is null",
            hint="pack.layout=parquet, or webdataset",
        )


def _check_names(node: Mapping[str, Any], reader: Reader) -> None:
    maps = {path: node.get(path) for path in _MAPS}
    segment = node.get("segment")
    for name in ("where", "split"):
        maps[f"segment.{name}"] = segment.get(name) if isinstance(segment, Mapping) else None
    sample = node.get("sample")
    for name in ("tracks", "videos"):
        maps[f"sample.{name}"] = sample.get(name) if isinstance(sample, Mapping) else None
    for path, entries in maps.items():
        for name in entries if isinstance(entries, Mapping) else ():
            # A sidecar's track is named ROLE.TRACK, and tracks are called what their file calls them.
            own = str(name).partition(".")[0] if path == "align" else str(name)
            if not _ENTRY.fullmatch(own):
                message = f"'{name}' is no name: letters, digits, _ and -, not a digit first"
                reader.note("recipe-bad-name", f"{path}.{name}", message, at_key=True)


def _sources(
    node: Mapping[str, Any], reader: Reader, *, footage: bool
) -> dict[str, SourceSpec | None]:
    entries = node.get("sources", {})
    if not isinstance(entries, Mapping):
        reader.note("recipe-wrong-type", "sources", "'sources' is a map of named sources")
        return {}
    if not entries and footage:
        hint = "on the command line: sources.films.url=..."
        reader.note("recipe-missing", "sources", "say where the footage is", hint=hint)
    free = node.get("rights") == RightsMode.unchecked.name
    made = {}
    for name, entry in entries.items():
        path = f"sources.{name}"
        if path in reader.places.invented and len(entries) > 1:
            known = [str(other) for other in entries if other != name]
            message = f"the recipe has no source '{name}'"
            reader.note(
                "recipe-unknown-key", path, message, hint=nearest(str(name), known), at_key=True
            )
        elif isinstance(entry, Mapping):
            made[str(name)] = _source(entry, path, reader, footage=footage, free=free)
        else:
            made[str(name)] = reader.record(SourceSpec, entry, path)
    return made


def _source(
    entry: Mapping[str, Any], path: str, reader: Reader, *, footage: bool, free: bool
) -> SourceSpec | None:
    given: dict[str, Any] = {}
    if entry.get("url", REQUIRED) == REQUIRED:
        given["url"] = REQUIRED
        if footage:
            hint = f"say where it is: {path}.url=FOLDER/*.mp4"
            reader.note("recipe-missing", f"{path}.url", "there is no footage yet", hint=hint)
    if entry.get("license") in (None, REQUIRED):
        given["license"] = None
        if footage and not free and not _says_rights(entry.get("url")):
            reader.note(
                "recipe-missing-license",
                f"{path}.license",
                f"nothing says under which terms '{path}' may be used",
                hint=f"{path}.license=CC-BY-4.0 (SPDX or free text), or rights=unchecked",
            )
    given["read"] = read_readers(entry.get("read", {}), f"{path}.read", reader)
    return reader.record(SourceSpec, entry, path, **given)


def _measures(node: Any, reader: Reader) -> dict[str, MeasureSpec]:
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", "measure", "'measure' is a map of named measures")
        return {}
    made = {}
    for name, entry in node.items():
        path = f"measure.{name}"
        if not isinstance(entry, Mapping):
            reader.note("recipe-wrong-type", path, f"'{path}' is a map of settings")
            continue
        # An entry under an operator's own name need not repeat it.
        op = entry.get("op", name if name in measures() else None)
        found = operator(op, path, measures(), load_measure, reader)
        if found is not None:
            params = {key: value for key, value in entry.items() if key not in {"op", "_target_"}}
            made[str(name)] = MeasureSpec(op=op, params=read_params(found, params, path, reader))
    return made


def _segment(
    node: Any, measure: Mapping[str, MeasureSpec], roles: frozenset[str] | None, reader: Reader
) -> SegmentSpec | None:
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", "segment", "'segment' is a map of settings")
        return None
    where = read_conditions(
        node.get("where", {}),
        "segment.where",
        per_frame=True,
        named=measure,
        reader=reader,
        roles=roles,
    )
    shots = _shots(node.get("shots", {}), reader)
    snap = _snap(node.get("snap"), measure, roles, reader)
    split = read_splits(node.get("split", {}), measure, roles, reader)
    return reader.record(
        SegmentSpec, node, "segment", where=where, shots=shots, split=split, snap=snap
    )


def _snap(
    node: Any, measure: Mapping[str, MeasureSpec], roles: frozenset[str] | None, reader: Reader
) -> SnapSpec | None:
    """A map of settings, or the name of the measure of speech."""
    path = "segment.snap"
    if node is None:
        return None
    if isinstance(node, str):
        node = {"of": f"{node}.probability"}
    made = reader.record(SnapSpec, node, path)
    if made is not None:
        try:
            resolve_series(made.of, measure)
        except (RecipeError, MeasureError) as error:
            reader.note(error.reason, path, error.message, hint=error.hint)
        # The default is a transcript where there is one; a track that is named must exist.
        if made.text is not None and made.text != SnapSpec.text:
            found = sidecar_of(made.text)
            if found is None:
                message = f"'{made.text}' is no track beside the video: name one as sidecar.ROLE"
                reader.note("recipe-unknown-signal", f"{path}.text", message)
            else:
                check_role(found[0], f"{path}.text", roles, reader)
    return made


def _shots(node: Any, reader: Reader) -> ShotsSpec | None:
    path = "segment.shots"
    if not isinstance(node, Mapping):
        reader.note("recipe-wrong-type", path, f"'{path}' is a map of settings")
        return None
    op = node.get("op", ShotsSpec.op)
    found = operator(op, path, shot_detectors(), load_shots, reader)
    if found is None:
        return None
    params = {key: value for key, value in node.items() if key not in {"op", "_target_"}}
    return ShotsSpec(op=op, params=read_params(found, params, path, reader))


def _says_rights(url: object) -> bool:
    """Whether what is there may say its rights itself; it is refused later if it does not."""
    return isinstance(url, str) and names_its_own(url)
