"""Which videos the sources of a recipe mean."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from curator.errors import Location, RecipeError, RecipeErrors
from curator.model.video import Rights, VideoRef
from curator.source.address import (
    anchored,
    describe,
    is_hidden,
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
from curator.source.manifest import MANIFEST_SUFFIXES, ManifestRow, read_manifest
from curator.source.terms import clashes, is_allowed

__all__ = ["Declared", "discover", "search"]


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
        more: videos of sources that were searched otherwise.
        errors: mistakes that were found there.

    Raises:
        RecipeErrors: all mistakes of all sources: ``source-empty``, ``source-missing-license``,
            ``source-unreachable``, ``source-rights-differ``, ``source-rights-clash``,
            ``source-not-allowed``, ``source-sidecar``, ``manifest-invalid``.
    """
    found, mistakes = search(sources, require_license=require_license, base=base, places=places)
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
) -> tuple[tuple[VideoRef, ...], list[RecipeError]]:
    """As `discover`, but with the mistakes beside what was found."""
    found: dict[str, VideoRef] = {}
    errors: list[RecipeError] = []
    for name in sorted(sources):
        one = _Source(name, sources[name], require_license, base, places or {})
        for ref in sorted(one.videos(), key=lambda ref: ref.url):
            first = found.setdefault(ref.url, ref)
            if first.rights != ref.rights:
                errors.append(one.conflict(first, ref))
        errors += one.errors
    return tuple(sorted(found.values(), key=lambda ref: (ref.source, ref.url))), errors


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
    ) -> None:
        self.name = name
        self.spec = spec
        self.require_license = require_license
        # From the working directory a path stays as it was written; else it must say where it is.
        is_here = base is None or base.absolute() == Path.cwd()
        self.url = anchored(spec.url, None if is_here else base.absolute())  # type: ignore[union-attr]
        self.places = places
        self.errors: list[RecipeError] = []

    def videos(self) -> Iterator[VideoRef]:
        """What the source names; mistakes go to `errors`."""
        if not all(self._is_pattern(role) for role in self.spec.sidecars):
            return
        beside = _Beside()
        missing_license = False
        for url in self._expand():
            if suffix(url) in MANIFEST_SUFFIXES:
                yield from self._rows(url)
            else:
                missing_license = missing_license or self._lacks(self.spec.license)
                rights = Rights(license=self.spec.license, attribution=self.spec.attribution)
                sidecars = self._sidecars(url, beside.has)
                yield VideoRef(url=url, source=self.name, rights=rights, sidecars=sidecars)
        if missing_license:
            self._refuse(
                f"source '{self.name}' does not say under which licence its videos may be used",
                reason="source-missing-license",
                hint=f"add `sources.{self.name}.license` (SPDX or free text), or `rights: unchecked`",
            )

    def conflict(self, first: VideoRef, second: VideoRef) -> RecipeError:
        """Two sources name one video under different terms."""
        return self._error(
            f"{redacted(second.url)} is in '{first.source}' under {_terms(first.rights)}"
            f" and in '{second.source}' under {_terms(second.rights)}",
            reason="source-rights-differ",
            hint="name it in one source only, or say the same in both",
        )

    def _rows(self, manifest: str) -> Iterator[VideoRef]:
        try:
            rows, mistakes = read_manifest(manifest)
        except remote_errors() as error:
            self._unreachable(error)
            return
        self.errors += mistakes
        unlicensed: list[ManifestRow] = []
        for row in rows:
            terms = row.license or self.spec.license
            if self._lacks(terms):
                unlicensed.append(row)
            rights = Rights(license=terms, attribution=row.attribution or self.spec.attribution)
            sidecars = {**self._sidecars(row.url, lambda _: True), **row.sidecars}
            yield VideoRef(url=row.url, source=self.name, rights=rights, sidecars=sidecars)
        if unlicensed:
            self._refuse(
                f"{len(unlicensed)} of {len(rows)} rows of {redacted(manifest)} have no licence,"
                f" the first is {unlicensed[0].place}",
                reason="source-missing-license",
                hint=f"fill the column `license`, or add `sources.{self.name}.license` for all rows",
            )
        if not rows and not mistakes:
            self._empty("the manifest has no rows")

    def _expand(self) -> list[str]:
        try:
            found = (_local if is_local(self.url) else _remote)(self.url)
        except remote_errors() as error:
            if not is_missing(error):
                self._unreachable(error)
                return []
            found = _Match([], others=0)
        if not found.urls:
            self._empty(_what_is_there(self.url, found.others))
        return found.urls

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
        self._refuse(
            f"source '{self.name}' cannot be reached: {redacted(self.spec.url)}: {describe(error)}",
            reason="source-unreachable",
            hint="check the address, the network and the credentials in the environment",
        )

    def _refuse(self, message: str, *, reason: str, hint: str, key: str = "url") -> None:
        self.errors.append(self._error(message, reason=reason, hint=hint, key=key))

    def _error(self, message: str, *, reason: str, hint: str, key: str = "url") -> RecipeError:
        path = f"sources.{self.name}"
        where = self.places.get(f"{path}.{key}") or self.places.get(path)
        return RecipeError(message, reason=reason, where=where, hint=hint)


@dataclass(frozen=True)
class _Match:
    urls: list[str]
    others: int
    """Files that the pattern matches and that are no videos."""


def _local(url: str) -> _Match:
    path = Path(url)
    if path.is_file():
        return _Match([url], others=0)
    if path.is_dir():
        return _videos_among(sorted(path.rglob("*")), path)
    # Hidden files are not matched by wildcards, as in a shell.
    names = glob.glob(url, recursive=True)  # noqa: PTH207 - pathlib matches hidden files
    files = [Path(name) for name in sorted(names) if Path(name).is_file()]
    if _says_suffix(url):
        return _Match([os.path.normpath(file) for file in files], others=0)
    return _videos_among(files, path)


def _videos_among(files: list[Path], root: Path) -> _Match:
    urls, others = [], 0
    for file in files:
        shown = file.relative_to(root).parts if file.is_relative_to(root) else (file.name,)
        if is_hidden(shown) or not file.is_file():
            continue
        if is_video(file.name):
            urls.append(os.path.normpath(file))
        else:
            others += 1
    return _Match(urls, others)


def _remote(url: str) -> _Match:
    fs, path = open_address(url)
    if _has_wildcard(url) and not ("*" not in path and fs.exists(path)):
        names = [one for one, info in fs.glob(path, detail=True).items() if _is_file(info)]
    elif _is_file(fs.info(path)) and not path.endswith("/"):
        return _Match([url], others=0)
    else:
        names = fs.find(path)
    start = re.split(r"[*?\[]", path)[0].rpartition("/")[0]
    shown = [one for one in sorted(names) if not is_hidden(one[len(start) :].split("/"))]
    taken = [one for one in shown if _says_suffix(url) or is_video(one)]
    return _Match([_url_of(one, url) for one in taken], others=len(shown) - len(taken))


def _url_of(path: str, pattern: str) -> str:
    """A path of a file system as a URL, in the way its pattern was written."""
    head, *rest = pattern.split("::")
    scheme = head.split("://")[0]
    own = path if "://" in path else f"{scheme}://{path.lstrip('/')}"
    return "::".join([own, *rest])


def _is_file(info: Mapping[str, object]) -> bool:
    return info.get("type") == "file"


def _has_wildcard(url: str) -> bool:
    first = url.split("::")[0]
    # A question mark of a web address begins its query.
    return bool(re.search(r"[*\[]" if first.startswith("http") else r"[*?\[]", first))


def _says_suffix(url: str) -> bool:
    """Whether a pattern names its own suffix (``*.dat``), and so means what it matches."""
    return bool(re.fullmatch(r"\.\w+", posixpath.splitext(url.split("::")[0])[1]))


class _Beside:
    """Whether files beside a video are there; each remote folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[str, frozenset[str] | None] = {}

    def has(self, url: str) -> bool:
        """False only when it is known not to be there."""
        if is_local(url):
            return local_path(url).is_file()
        folder, name = split(url)
        if folder not in self._listed:
            self._listed[folder] = _names(folder)
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


def _what_is_there(url: str, others: int) -> str:
    if others:
        return f"{others} files are there, but none is named like a video (.mp4, .mov, .mkv ...)"
    if not is_local(url):
        return "nothing has that name; check the bucket or folder, and the pattern"
    path = Path(url)
    parent = path if path.is_dir() else next(one for one in path.parents if one.is_dir())
    try:
        files = [file for file in parent.iterdir() if file.is_file()]
    except OSError:
        return f"the nearest folder that exists is {parent}, which cannot be listed"
    videos = sum(is_video(file.name) for file in files)
    return f"the nearest folder that exists is {parent} ({len(files)} files, {videos} videos)"


def _terms(rights: Rights) -> str:
    return ", ".join([rights.license or "no licence", *filter(None, [rights.attribution])])
