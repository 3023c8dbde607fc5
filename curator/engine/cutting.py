"""Cuts samples out of footage by their cut sheets, in worker processes, without deciding anything."""

from __future__ import annotations

import dataclasses
import json
import posixpath
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curator.engine.cutsheet import Cutting
from curator.engine.errand import Errand
from curator.engine.pool import Done, Pool
from curator.engine.record import Recorder
from curator.engine.sample import encode_errands
from curator.engine.task import Encoded, EncodeTask, Lost, Opened, OpenTask, Refused
from curator.errors import CuratorError, SourceError
from curator.media.stored import load
from curator.model.video import VideoRef
from curator.source.discover import search
from curator.source.fingerprint import Observed, changed
from curator.source.spool import Spool
from curator.spec.recipe import SourceSpec
from curator.spec.settings import EngineSpec
from curator.store.key import plain
from curator.store.store import Store

__all__ = ["Located", "Needs", "cut_all", "find_footage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The files that a sample is cut from, by fingerprint."""

    video: str
    files: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A file that has the fingerprint in question."""

    ref: VideoRef
    observed: Observed


def find_footage(
    patterns: Sequence[str],
    wanted: Collection[str],
    spool: Spool,
    *,
    likely: Collection[str] = (),
    say: Callable[[str], None],
) -> dict[str, Located]:
    """Where files of these fingerprints are; what is not found is left out.

    Args:
        patterns: as sources of a recipe have them: files, folders, globs, URLs.
        wanted: fingerprints.
        spool: reads and keeps what lies elsewhere.
        likely: names of files to look at first; once all are found no other file is read.
        say: told of files that cannot be read.

    Raises:
        SourceError: ``source-empty`` ... for a pattern that names nothing.
    """
    sources = {f"source{number}": SourceSpec(url=url) for number, url in enumerate(patterns)}
    refs, errors = search(sources, require_license=False)
    if errors:
        raise SourceError(errors[0].message, reason=errors[0].reason, hint=errors[0].hint)
    found: dict[str, Located] = {}
    left = set(wanted)
    for ref in sorted(refs, key=lambda one: (posixpath.basename(one.url) not in likely, one.url)):
        if not left:
            break
        try:
            observed = spool.observe(ref)
        except CuratorError as error:
            say(f"{ref.url} cannot be looked at: {error.message}")
            continue
        if observed.fingerprint in left:
            left.discard(observed.fingerprint)
            found[observed.fingerprint] = Located(ref=ref, observed=observed)
    return found


def cut_all(
    needs: Mapping[str, Needs],
    read: Callable[[str], Cutting],
    footage: Mapping[str, Located],
    *,
    store: Store,
    spool: Spool,
    engine: EngineSpec,
    say: Callable[[str], None],
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Cut samples; what `store` holds already is not cut again, so an interrupted call goes on.

    Args:
        needs: by the key of the sample.
        read: how a sample is cut, by its key; asked when the turn of its video comes.
        footage: every file that they need, by fingerprint.
        store: where clips are put.
        spool: brings files within reach.
        engine: workers and their limits.
        say: told of each video.

    Returns:
        What the store holds of each sample, by key; and why others could not be cut, by key.
    """
    held = _held(needs, store)
    videos: dict[str, dict[str, Needs]] = {}
    for key, one in needs.items():
        if key not in held:
            videos.setdefault(one.video, {})[key] = one
    with Pool(
        workers=engine.worker_count,
        task_seconds=engine.task_seconds,
        task_memory_gib=engine.task_memory_gib,
    ) as pool:
        work = _Work(read, footage, store, spool, pool, say, held)
        work.run(videos, most=2 * engine.worker_count + 2)
    return work.held, work.failed


@dataclass(slots=True)
class _Video:
    """A video in hand."""

    located: Located
    cuttings: Mapping[str, Cutting]
    path: Path
    beside: Mapping[str, Path]
    stack: ExitStack
    open: int = 0
    """Tasks that are out."""


@dataclass(slots=True)
class _Work:
    read: Callable[[str], Cutting]
    footage: Mapping[str, Located]
    store: Store
    spool: Spool
    pool: Pool
    say: Callable[[str], None]
    held: dict[str, dict[str, Any]]
    failed: dict[str, str] = field(default_factory=dict)
    _tasks: dict[int, tuple[_Video, Errand | None]] = field(default_factory=dict)
    _count: int = 0

    def run(self, videos: Mapping[str, Mapping[str, Needs]], *, most: int) -> None:
        queue, total = deque(sorted(videos)), len(videos)
        in_hand: list[_Video] = []
        while queue or in_hand:
            while queue and len(in_hand) < most:
                name = queue.popleft()
                video = self._begin(name, videos[name])
                if video is not None:
                    self.say(f"cutting {video.located.ref.url} ({total - len(queue)} of {total})")
                    in_hand.append(video)
            for done in self.pool.collect(timeout=1.0):
                self._receive(done)
            for video in [one for one in in_hand if not one.open]:
                video.stack.close()
                in_hand.remove(video)

    def _begin(self, name: str, needs: Mapping[str, Needs]) -> _Video | None:
        stack, located = ExitStack(), self.footage[name]
        needed = sorted(frozenset[str]().union(*(one.files for one in needs.values())))
        try:
            paths = {
                file: stack.enter_context(self.spool.hold(one.ref, one.observed))
                for file in needed
                for one in [self.footage[file]]
            }
        except CuratorError as error:
            stack.close()
            self._fail(needs, error.message)
            return None
        cuttings = {key: self.read(key) for key in needs}
        video = _Video(located, cuttings, paths[name], paths, stack)
        self._submit(video, None, OpenTask(path=video.path))
        return video

    def _submit(self, video: _Video, errand: Errand | None, task: OpenTask | EncodeTask) -> None:
        self._count += 1
        video.open += 1
        self._tasks[self._count] = (video, errand)
        self.pool.submit(self._count, task)

    def _receive(self, done: Done) -> None:
        video, errand = self._tasks.pop(done.number)
        video.open -= 1
        reply, keys = done.reply, list(errand.documents if errand else video.cuttings)
        if changed(video.located.ref, video.located.observed):
            self._fail(keys, "the file changed while it was being read")
        elif isinstance(reply, Refused | Lost):
            self._fail(keys, reply.error.message if isinstance(reply, Refused) else reply.message)
        elif isinstance(reply, Opened):
            self._encode(video, reply.probe)
        else:
            assert isinstance(reply, Encoded), "a video is opened and cut"
            assert errand is not None, "it was asked for"
            self.held |= Recorder(self.store).encoded(
                video.located.observed.fingerprint, errand, reply
            )

    def _encode(self, video: _Video, probe: bytes) -> None:
        start = plain(load(probe).info.start_seconds)
        wanted = {}
        for key, one in video.cuttings.items():
            if one.start == start:
                wanted[key] = one.wanted
            else:
                self._fail([key], f"its clock begins at {start} s, not at {one.start} s")
        for errand in encode_errands(wanted, video.path, probe, self.store.scratch):
            assert isinstance(errand.task, EncodeTask), "it encodes"
            self._submit(video, errand, dataclasses.replace(errand.task, beside=video.beside))

    def _fail(self, keys: Collection[str], why: str) -> None:
        self.failed |= dict.fromkeys(keys, why)


def _held(keys: Collection[str], store: Store) -> dict[str, dict[str, Any]]:
    out = {}
    for key, facts in store.facts(list(keys)).items():
        for fact in facts:
            if fact.error is None and (output := store.read(fact)) is not None:
                out[key] = json.loads(output)
    return out
