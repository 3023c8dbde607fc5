"""Which videos the sources of a recipe mean."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from curator.errors import Location, RecipeError, RecipeErrors
from curator.model.video import Rights, VideoRef
from curator.source.address import (
    anchored,
    describe,
    is_local,
    is_missing,
    is_video,
    join,
    local_path,
    open_address,
    redacted,
    remote_errors,
    split,
    suffix,
)
from curator.source.commits import Commits, at_commit
from curator.source.listing import Match, match, what_is_there
from curator.source.manifest import CELLS, FILE_NAME, MANIFEST_SUFFIXES, ManifestRow, read_manifest
from curator.source.terms import clashes, is_allowed
from curator.source.webdataset import read_samples

__all__ = ["Declared", "discover", "search", "unlicensed", "unreachable"]

_TAR = ".tar"


class Declared(Protocol):
    """What a recipe says of a source (`SourceSpec`)."""

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def license(self) -> str | None: ...  # noqa: D102
    @property
    def attribution(self) -> str | None: ...  # noqa: D102
    @property
    def sidecars(self) -> Mapping[str, str]: ...  # noqa: D102


def discover(
    sources: Mapping[str, Declared],
    *,
    require_license: bool = True,
    allow: Collection[str] | None = None,
    base: Path | None = None,
    places: Mapping[str, Location] | None = None,
    columns: Collection[str] = (),
    more: Sequence[VideoRef] = (),
    errors: Sequence[RecipeError] = (),
) -> tuple[VideoRef, ...]:
    """Every video of every source once, sorted by source and url.

    Args:
        sources: by their names in the recipe.
        require_license: False when the recipe says ``rights: unchecked``.
        allow: the only licences that are wanted, when the recipe names some.
        base: where relative paths start; the working directory unless given.
        places: where the recipe says what, by dotted path, for error messages.
        columns: of manifests, whose values are wanted with each video.
        more: videos of sources that were searched otherwise.
        errors: mistakes that were found there.

    Raises:
        RecipeErrors: all mistakes of all sources: ``source-empty``, ``source-missing-license``,
            ``source-unreachable``, ``source-rights-differ``, ``source-rights-clash``,
            ``source-not-allowed``, ``source-sidecar``, ``manifest-invalid``.
    """
    found, mistakes = search(
        sources, require_license=require_license, base=base, places=places, columns=columns
    )
    mistakes += errors
    videos = tuple(sorted((*found, *more), key=lambda ref: (ref.source, ref.url)))
    if require_license:
        mistakes += _rights_errors(videos, allow, places or {})
    if mistakes:
        raise RecipeErrors(mistakes)
    return videos


def search(
    sources: Mapping[str, Declared],
    *,
    require_license: bool = True,
    base: Path | None = None,
    places: Mapping[str, Location] | None = None,
    columns: Collection[str] = (),
) -> tuple[tuple[VideoRef, ...], list[RecipeError]]:
    """As `discover`, but with the mistakes beside what was found."""
    found: dict[str, VideoRef] = {}
    errors: list[RecipeError] = []
    commits = Commits()
    for name in sorted(sources):
        one = _Source(name, sources[name], require_license, base, places or {}, commits, columns)
        for ref in sorted(one.videos(), key=lambda ref: ref.url):
            first = found.setdefault(ref.url, ref)
            if first.rights != ref.rights:
                errors.append(one.conflict(first, ref))
        errors += one.errors
    return tuple(sorted(found.values(), key=lambda ref: (ref.source, ref.url))), errors


def unreachable(name: str, url: str, error: BaseException, where: Location | None) -> RecipeError:
    """The mistake of a source that did not answer, or not to us."""
    return RecipeError(
        f"source '{name}' cannot be reached: {redacted(url)}: {describe(error)}",
        reason="source-unreachable",
        where=where,
        hint="check the address, the network and the credentials in the environment",
    )


def unlicensed(name: str, where: Location | None) -> RecipeError:
    """The mistake of a source without a licence."""
    return RecipeError(
        f"source '{name}' does not say under which licence its videos may be used",
        reason="source-missing-license",
        where=where,
        hint=f"add `sources.{name}.license` (SPDX or free text), or `rights: unchecked`",
    )


def _rights_errors(
    videos: Sequence[VideoRef], allow: Collection[str] | None, places: Mapping[str, Location]
) -> list[RecipeError]:
    """Licences that are not wanted, and such as cannot be released together."""
    under: dict[tuple[str, str], list[VideoRef]] = {}
    for ref in videos:
        if ref.rights.license is not None:
            under.setdefault((ref.source, ref.rights.license), []).append(ref)
    errors = []
    for (source, license_text), refs in sorted(under.items()):
        if allow is not None and not is_allowed(license_text, allow):
            errors.append(
                RecipeError(
                    f"{_some(refs)} of '{source}' under {license_text}, which the recipe does not allow",
                    reason="source-not-allowed",
                    where=places.get(f"sources.{source}.license") or places.get("rights"),
                    hint=f"leave them out, or add it to rights.allow ({', '.join(allow)})",
                )
            )
    why = clashes({license_text for _, license_text in under})
    for (source, license_text), refs in sorted(under.items()):
        if license_text in why:
            errors.append(
                RecipeError(
                    f"{_some(refs)} of '{source}' under {license_text} cannot be in this release: "
                    f"{why[license_text]}",
                    reason="source-rights-clash",
                    where=places.get(f"sources.{source}.license"),
                    hint="build releases of their own, or `rights: unchecked` for what is not published",
                )
            )
    return errors


def _some(refs: Sequence[VideoRef]) -> str:
    more = f" and {len(refs) - 1} more" if len(refs) > 1 else ""
    return f"{redacted(refs[0].url)}{more}"


class _Source:
    """One source, being searched."""

    def __init__(
        self,
        name: str,
        spec: Declared,
        require_license: bool,  # noqa: FBT001
        base: Path | None,
        places: Mapping[str, Location],
        commits: Commits,
        columns: Collection[str] = (),
    ) -> None:
        self.name = name
        self.columns = columns
        self.spec = spec
        self.require_license = require_license
        # From the working directory a path stays as it was written; else it must say where it is.
        is_here = base is None or base.absolute() == Path.cwd()
        self.url = anchored(spec.url, None if is_here else base.absolute())  # type: ignore[union-attr]
        self.places = places
        self.commits = commits
        self._beside = _Beside(commits)
        self.errors: list[RecipeError] = []

    def videos(self) -> Iterator[VideoRef]:
        """What the source names; mistakes go to `errors`."""
        if not all(self._is_pattern(role) for role in self.spec.sidecars):
            return
        found = self._expand()
        yield from self._shards(found)
        told = self._told(found.about)
        missing_license = False
        for url in [*found.urls, *sorted(told.keys() - set(found.urls))]:
            if suffix(url) in (*MANIFEST_SUFFIXES, _TAR):
                yield from self._rows(url)
            else:
                row = told.get(url) or ManifestRow(url=url, place=Location(redacted(url), 1, 1))
                ref = self._ref(row, self._beside.has)
                missing_license = missing_license or self._lacks(ref.rights.license)
                yield ref
        if missing_license:
            self.errors.append(unlicensed(self.name, self._place("url")))

    def conflict(self, first: VideoRef, second: VideoRef) -> RecipeError:
        """Two sources name one video under different terms."""
        return self._error(
            f"{redacted(second.url)} is in '{first.source}' under {_terms(first.rights)}"
            f" and in '{second.source}' under {_terms(second.rights)}",
            reason="source-rights-differ",
            hint="name it in one source only, or say the same in both",
        )

    def _ref(self, row: ManifestRow, is_there: Callable[[str], bool]) -> VideoRef:
        sidecars = {**self._sidecars(row.url, is_there), **row.sidecars}
        return VideoRef(
            url=row.url,
            source=self.name,
            rights=Rights(
                license=row.license or self.spec.license,
                attribution=row.attribution or self.spec.attribution,
            ),
            sidecars=sidecars,
            columns=row.columns,
            pins=self.commits.resolve_all((row.url, *sidecars.values())),
        )

    def _told(self, tables: Sequence[str]) -> dict[str, ManifestRow]:
        """What the tables of a folder say of its videos, by url; a table of other things says nothing."""
        out: dict[str, ManifestRow] = {}
        for table in tables:
            rows, mistakes = self._read(table, FILE_NAME)
            self.errors += mistakes
            out |= {row.url: row for row in rows if is_video(row.url)}
        return out

    def _read(self, table: str, key: str = "url") -> tuple[list[ManifestRow], list[RecipeError]]:
        try:
            pins = self.commits.resolve_all([table])
            if suffix(table) == _TAR:
                return read_samples(table, pins=pins)
            return read_manifest(table, key=key, pins=pins, columns=self.columns)
        except remote_errors() as error:
            self._unreachable(error)
            return [], []

    def _shards(self, found: Match) -> Iterator[VideoRef]:
        """The videos inside the files of a folder; those that hold none are passed over."""
        known, is_empty = len(self.errors), True
        for url in found.shards:
            for ref in self._rows(url, CELLS):
                is_empty = False
                yield ref
        if found.shards and is_empty and len(self.errors) == known:
            self._empty(what_is_there(self.url, found.others + len(found.shards)))

    def _rows(self, manifest: str, key: str = "url") -> Iterator[VideoRef]:
        known = len(self.errors)
        rows, mistakes = self._read(manifest, key)
        self.errors += mistakes
        unlicensed: list[ManifestRow] = []
        for row in rows:
            ref = self._ref(row, self._beside.has)
            if self._lacks(ref.rights.license):
                unlicensed.append(row)
            yield ref
        if unlicensed:
            self._refuse(
                f"{len(unlicensed)} of {len(rows)} rows of {redacted(manifest)} have no licence,"
                f" the first is {unlicensed[0].place}",
                reason="source-missing-license",
                hint=f"fill the column `license`, or add `sources.{self.name}.license` for all rows",
            )
        if not rows and key == "url" and len(self.errors) == known:
            self._empty(
                "the tar file holds no videos"
                if suffix(manifest) == _TAR
                else "the manifest has no rows"
            )

    def _expand(self) -> Match:
        try:
            found = match(self.url, self.commits.resolve(self.url))
        except remote_errors() as error:
            if not is_missing(error):
                self._unreachable(error)
                return Match(urls=[])
            found = Match(urls=[])
        if not found.urls and not found.shards:
            self._empty(what_is_there(self.url, found.others))
        return found

    def _sidecars(self, url: str, is_there: Callable[[str], bool]) -> dict[str, str]:
        folder, name = split(url)
        stem = posixpath.splitext(name)[0]
        out = {}
        for role, pattern in sorted(self.spec.sidecars.items()):
            says_where = "{dir}" in pattern
            named = pattern.replace("{stem}", stem).replace("{dir}", folder)
            beside = named if says_where else join(folder, named)
            if is_there(beside):
                out[role] = beside
        return out

    def _is_pattern(self, role: str) -> bool:
        pattern = self.spec.sidecars[role]
        strange = re.findall(r"[{}]", re.sub(r"\{(stem|dir)\}", "", pattern))
        if strange:
            self._refuse(
                f"sidecar '{role}' of source '{self.name}' is no pattern: {pattern}",
                reason="source-sidecar",
                hint="{stem} and {dir} are the only names, e.g. '{stem}.srt'",
                key=f"sidecars.{role}",
            )
        return not strange

    def _lacks(self, terms: str | None) -> bool:
        return self.require_license and not (terms and terms.strip())

    def _empty(self, hint: str) -> None:
        self._refuse(
            f"source '{self.name}' matches nothing: {redacted(self.spec.url)}",
            reason="source-empty",
            hint=hint,
        )

    def _unreachable(self, error: BaseException) -> None:
        self.errors.append(unreachable(self.name, self.spec.url, error, self._place("url")))

    def _refuse(self, message: str, *, reason: str, hint: str, key: str = "url") -> None:
        self.errors.append(self._error(message, reason=reason, hint=hint, key=key))

    def _error(self, message: str, *, reason: str, hint: str, key: str = "url") -> RecipeError:
        return RecipeError(message, reason=reason, where=self._place(key), hint=hint)

    def _place(self, key: str) -> Location | None:
        path = f"sources.{self.name}"
        return self.places.get(f"{path}.{key}") or self.places.get(path)


class _Beside:
    """Whether files beside a video are there; each remote folder is listed once."""

    def __init__(self, commits: Commits) -> None:
        self._listed: dict[str, frozenset[str] | None] = {}
        self._commits = commits

    def has(self, url: str) -> bool:
        """False only when it is known not to be there."""
        if is_local(url):
            return local_path(url).is_file()
        folder, name = split(url)
        if folder not in self._listed:
            pins = self._commits.resolve_all([folder])
            self._listed[folder] = _names(at_commit(folder, pins))
        names = self._listed[folder]
        return names is None or name in names


def _names(folder: str) -> frozenset[str] | None:
    if folder.startswith("http"):
        return None  # web servers need not list
    try:
        fs, path = open_address(folder)
        return frozenset(posixpath.basename(one) for one in fs.ls(path, detail=False))
    except remote_errors():
        return None


def _terms(rights: Rights) -> str:
    return ", ".join([rights.license or "no licence", *filter(None, [rights.attribution])])
