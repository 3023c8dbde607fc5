"""Everything that can be checked of a release, in one reading of it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import yaml

from curator.engine.cutsheet import read_sheet
from curator.errors import CuratorError, StoreError
from curator.model.outcome import CutSheet
from curator.pack.schema import CUT
from curator.release.read import ReleaseFolder, open_release
from curator.release.verify.clips import check_media, decode_media
from curator.release.verify.faults import Fault, Verification
from curator.release.verify.files import check_files
from curator.release.verify.rows import Row, Rows
from curator.release.verify.sources import Sources
from curator.release.verify.tracks import check_tracks
from curator.spec.document import recipe_from_document
from curator.spec.recipe import Otherwise, Recipe

__all__ = ["verify"]


def verify(folder: Path, *, sources: bool = False) -> Verification:
    """Decode all of a release and say what is not as it should be.

    Args:
        folder: of one version.
        sources: also compare samples with their sources, where those are on this machine and unchanged.

    Raises:
        StoreError: ``not-a-release``, ``release-broken`` or ``release-format``.
    """
    release = open_release(folder)
    faults = list(check_files(release))
    recipe = _recipe(release, faults)
    rows = Rows(release)
    compared = Sources(recipe) if sources and recipe is not None else None
    samples = clips = 0
    for row in rows.read():
        samples += 1
        decoded = decode_media(row)
        clips += len(decoded.clips)
        faults += check_media(row, decoded, rates=_rates(recipe))
        faults += check_tracks(row)
        faults += _check_sheet(row, release, recipe)
        faults += _check_proof(row, recipe)
        if compared is not None:
            faults += compared.check(row, decoded)
    return Verification(
        folder=str(folder),
        version=release.version,
        files=len(release.manifest["files"]),
        samples=samples,
        clips=clips,
        sources_compared=compared.compared if compared is not None else 0,
        cameras_compared=compared.cameras_compared if compared is not None else 0,
        sources_skipped=_skipped(samples, compared, asked=sources),
        faults=(*faults, *rows.faults),
    )


def _rates(recipe: Recipe | None) -> dict[str, Fraction | None]:
    """The constant rates that a recipe asks for, by column."""
    if recipe is None:
        return {}
    video = recipe.sample.video
    rates = {f"video.{name}": spec.fps for name, spec in recipe.sample.videos.items()}
    return {"video": None if video is None else video.fps, **rates}


def _skipped(samples: int, compared: Sources | None, *, asked: bool) -> dict[str, int]:
    if compared is not None:
        return dict(compared.skipped)
    return {"the recipe cannot be read": samples} if asked else {}


def _recipe(release: ReleaseFolder, faults: list[Fault]) -> Recipe | None:
    try:
        text = (release.folder / "recipe.yaml").read_text(encoding="utf-8")
        return recipe_from_document(yaml.safe_load(text))
    except (OSError, UnicodeError, yaml.YAMLError, CuratorError) as error:
        what = f"cannot be read by this version: {error}"
        faults.append(
            Fault(reason="recipe-unreadable", kind="schema", file="recipe.yaml", what=what)
        )
        return None


def _check_sheet(row: Row, release: ReleaseFolder, recipe: Recipe | None) -> Iterator[Fault]:
    """Of a virtual sample: whether it would be cut as its key says."""
    cut, told = row.values.get(CUT), release.manifest["samples"].get(row.id)
    if cut is None or told is None or recipe is None:
        return
    try:
        read_sheet(CutSheet(document=cut["document"], boxes=cut["boxes"]), told["key"], recipe)
    except StoreError as error:
        yield row.fault("cut-sheet", "row", error.message)


def _check_proof(row: Row, recipe: Recipe | None) -> Iterator[Fault]:
    """What the sample says is left of its tracks' offsets, against what the recipe allows."""
    for name, spec in ({} if recipe is None else recipe.align).items():
        left = row.values.get(f"sync.{name}.offset_after_seconds")
        fps = row.values.get("fps")
        if left is None or spec.otherwise is Otherwise.keep:
            continue
        allowed = spec.residual_seconds or (0.5 / fps if fps else spec.max_offset_seconds)
        if abs(left) > allowed:
            what = (
                f"sync.{name}: {1000 * left:+.1f} ms are left, {1000 * allowed:.1f} ms are allowed"
            )
            yield row.fault("skew", "sync", what)
