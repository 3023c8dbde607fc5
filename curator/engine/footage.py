"""Videos within reach: fingerprinted, and on a local disk while they are read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from curator.align.dataset import LEROBOT_INFO, is_lerobot, lerobot_videos
from curator.errors import CuratorError, RecipeError, RecipeErrors
from curator.model.video import Rights, VideoRef
from curator.source.address import is_local, local_path, remote_errors
from curator.source.commits import Commits, at_commit
from curator.source.discover import discover, unlicensed, unreachable
from curator.source.fingerprint import Observed, changed, observe, observe_remote, recall
from curator.source.snapshot import has_file, take_snapshot
from curator.source.spool import Spool
from curator.spec.manifests import columns_of
from curator.spec.recipe import Recipe, RightsMode, RightsSpec
from curator.store.store import Store

__all__ = ["Footage", "Found", "beside_ref", "known_fingerprint", "videos_of"]

_THREADS = 2
"""Hashing and copying wait for disks and networks; two at a time keep the workers fed."""
_QUICKLY_READ_BYTES = 2**30
"""A file that no build has noted is hashed for a look only when it is smaller than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """News of one video and its sidecars: looked at, or local paths are there, or neither can be had."""

    number: int
    observed: Observed | None = None
    path: Path | None = None
    beside: Mapping[str, Observed] = field(default_factory=dict)
    """By url."""
    paths: Mapping[str, Path] = field(default_factory=dict)
    """By url."""
    error: CuratorError | None = None


class Footage:
    """Looks at videos and copies remote ones, in the background; copies stay held until released."""

    def __init__(self, store: Store, *, limit_gib: float) -> None:
        self._spool = Spool(store.root / "spool", int(limit_gib * 2**30), memo=store)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="footage")
        self._out: list[Future[Found]] = []
        self._held: dict[int, ExitStack] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Who interrupts does not wait for a download: its thread ends with the process.
        self._pool.shutdown(wait=kind is not KeyboardInterrupt, cancel_futures=True)
        for number in list(self._held):
            self.release(number)

    def look(self, number: int, ref: VideoRef, sidecars: Iterable[str] = ()) -> None:
        """Begin to find out what a video is, and the files beside it."""
        self._out.append(self._pool.submit(self._look, number, ref, sorted(sidecars)))

    def fetch(
        self,
        number: int,
        ref: VideoRef,
        observed: Observed,
        sidecars: Mapping[str, Observed] | None = None,
    ) -> None:
        """Begin to bring a video and the files beside it within reach; they stay there until `release`."""
        self._out.append(self._pool.submit(self._fetch, number, ref, observed, sidecars or {}))

    def news(self) -> list[Found]:
        """What has been found since the last call."""
        done = [future for future in self._out if future.done()]
        self._out = [future for future in self._out if future not in done]
        return [future.result() for future in done]

    @property
    def waiting(self) -> bool:
        """Whether news are still to come."""
        return bool(self._out)

    def changed(self, ref: VideoRef, observed: Observed) -> bool:
        """Whether a video is no longer what was observed. A copy that is held never changes."""
        return is_local(ref.url) and changed(ref, observed)

    def release(self, number: int) -> None:
        """The video is not needed any more; its copy may go."""
        if number in self._held:
            self._held.pop(number).close()

    def _look(self, number: int, ref: VideoRef, sidecars: Sequence[str]) -> Found:
        try:
            observed = self._spool.observe(ref)
            beside = {url: self._observe_beside(ref, url) for url in sidecars}
        except CuratorError as error:
            return Found(number=number, error=error)
        there = {url: seen for url, seen in beside.items() if seen is not None}
        return Found(number=number, observed=observed, beside=there)

    def _observe_beside(self, ref: VideoRef, url: str) -> Observed | None:
        """A file beside a video; None where only a server that lists nothing could have told that it is not there."""
        try:
            return self._spool.observe(beside_ref(ref, url))
        except CuratorError as error:
            if error.reason == "not-found" and not is_local(url):
                return None
            raise

    def _fetch(
        self, number: int, ref: VideoRef, observed: Observed, sidecars: Mapping[str, Observed]
    ) -> Found:
        stack = ExitStack()
        try:
            path = stack.enter_context(self._spool.hold(ref, observed))
            paths = {
                url: stack.enter_context(self._spool.hold(beside_ref(ref, url), seen))
                for url, seen in sidecars.items()
            }
        except CuratorError as error:
            stack.close()
            return Found(number=number, error=error)
        self._held[number] = stack
        return Found(number=number, path=path, paths=paths)


def beside_ref(ref: VideoRef, url: str) -> VideoRef:
    """A file beside a video, as something that can be looked at and fetched like one."""
    return VideoRef(url=url, source=ref.source, rights=ref.rights, pins=ref.pins)


def videos_of(recipe: Recipe) -> tuple[VideoRef, ...]:
    """Every video of a recipe's sources, sorted by source and url.

    Raises:
        RecipeErrors: for sources that match nothing, lack a licence or cannot be reached.
    """
    rights = recipe.rights
    found, errors = _datasets(recipe)
    files = {name: spec for name, spec in recipe.sources.items() if name not in found}
    columns = columns_of(recipe.keep)
    refs = discover(
        files,
        require_license=rights is not RightsMode.unchecked,
        allow=rights.allow if isinstance(rights, RightsSpec) else None,
        places=recipe.places,
        columns=frozenset(columns),
        more=tuple(ref for held in found.values() for ref in held),
        errors=errors,
    )
    missing = [
        RecipeError(
            f"no manifest of a source says anything in a column '{column}'",
            reason="recipe-unknown-signal",
            where=recipe.places.get(f"keep.{name}.of"),
            hint="check its name, or write `absent: keep`",
        )
        for column, name in columns.items()
        if name and not any(column in ref.columns for ref in refs)
    ]
    if missing:
        raise RecipeErrors(missing)
    return refs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dataset:
    """A recorded dataset, with its numbers on this machine."""

    folder: Path
    videos: str | None = None
    """Where its videos are, if not in the folder."""
    pins: Mapping[str, str] = field(default_factory=dict)


def _dataset(url: str, commits: Commits) -> _Dataset | None:
    """What is at `url`, if it is a recorded dataset; of one on the Hub all but the videos is fetched."""
    if is_local(url):
        folder = local_path(url)
        return _Dataset(folder=folder) if is_lerobot(folder) else None
    if not url.startswith("hf://"):
        return None
    pins = commits.resolve(url)
    exact = at_commit(url, pins)
    if not pins or not has_file(exact, LEROBOT_INFO):
        return None
    folder = take_snapshot(exact, ("meta", "data"))
    return _Dataset(folder=folder, videos=url, pins=pins)


def _datasets(recipe: Recipe) -> tuple[dict[str, list[VideoRef]], list[RecipeError]]:
    """The videos of sources that are recorded datasets, by source."""
    found: dict[str, list[VideoRef]] = {}
    errors: list[RecipeError] = []
    commits = Commits()
    for name, spec in recipe.sources.items():
        rights = Rights(license=spec.license, attribution=spec.attribution)
        where = recipe.places.get(f"sources.{name}.url")
        try:
            dataset = _dataset(spec.url, commits)
            if dataset is not None:
                if rights.license is None and recipe.rights is not RightsMode.unchecked:
                    errors.append(unlicensed(name, where))
                found[name] = list(
                    lerobot_videos(
                        name,
                        dataset.folder,
                        rights,
                        camera=spec.camera,
                        videos=dataset.videos,
                        pins=dataset.pins,
                    )
                )
        except CuratorError as error:
            found[name] = []
            errors.append(
                RecipeError(error.message, reason=error.reason, where=where, hint=error.hint)
            )
        except remote_errors() as error:
            found[name] = []
            errors.append(unreachable(name, spec.url, error, where))
    return found, errors


def known_fingerprint(ref: VideoRef, store: Store) -> str | None:
    """The fingerprint of a video, where it can be told without much reading; for looks, not for builds."""
    try:
        if not is_local(ref.url):
            found = recall(ref, observe_remote(ref), store)
            return found.fingerprint if found else None
        path = local_path(ref.url)
        stat = path.stat()
        where = os.path.abspath(path)  # noqa: PTH100 - links stay as written, as in the note
        known = store.memo(where, stat.st_size, stat.st_mtime_ns, stat.st_ino)
        if known is None and stat.st_size <= _QUICKLY_READ_BYTES:
            known = observe(ref).fingerprint
    except CuratorError:
        return None
    except remote_errors():
        return None
    return known
