"""The facts about one video, read from the store as the evaluator asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from curator.abc.measure import Gatherer
from curator.model.clip import Shot
from curator.model.outcome import Failure
from curator.model.series import Series
from curator.model.tile import TileRange, Tiles
from curator.model.video import FrameTable
from curator.plan.logical import Node
from curator.store.facts import Fact
from curator.store.key import digest
from curator.store.series import decode_series
from curator.store.store import Store

__all__ = ["VideoKnown"]


class VideoKnown:
    """What the store knows of one video; new facts are added as they are recorded.

    Args:
        fingerprint: of the video's content.
        grid: digest of the probe's output.
        retry_failed: look away from recorded failures, so that they are tried again.
    """

    def __init__(
        self, store: Store, *, fingerprint: str, grid: str, retry_failed: bool = False
    ) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._grid = grid
        self._retry = retry_failed
        self._keys: dict[Node, str] = {}
        self._facts: dict[str, list[Fact]] = {}
        self._series: dict[str, Mapping[str, Series]] = {}
        self._shots: dict[str, tuple[Shot, ...]] = {}

    def load(self, nodes: Iterable[Node]) -> None:
        """Look up many nodes at once."""
        keys = [self.key(node) for node in nodes]
        unknown = [key for key in keys if key not in self._facts]
        found = self._store.facts(unknown)
        for key in unknown:
            facts = found.get(key, [])
            self._facts[key] = [f for f in facts if not (self._retry and f.error is not None)]

    def key(self, node: Node) -> str:
        """The key of a node's facts on this video."""
        if node not in self._keys:
            self._keys[node] = digest(self.document(node))
        return self._keys[node]

    def document(self, node: Node) -> dict[str, object]:
        """What the key of a node hashes."""
        return node.document(fingerprint=self._fingerprint, grid=self._grid)

    def add(self, facts: Iterable[Fact]) -> None:
        """Facts that have just been recorded."""
        for fact in facts:
            self._facts.setdefault(fact.key, []).append(fact)
            self._series.pop(fact.key, None)
            self._shots.pop(fact.key, None)

    def reload(self) -> None:
        """Look everything up again: the store has lost something."""
        keys = list(self._facts)
        self._facts.clear()
        self._series.clear()
        self._shots.clear()
        for key, facts in self._store.facts(keys).items():
            self._facts[key] = [f for f in facts if not (self._retry and f.error is not None)]

    def covered(self, node: Node) -> Tiles:
        """Tiles that have been measured."""
        return Tiles.of(
            index
            for fact in self._of(node)
            if fact.error is None
            for index in range(fact.first, fact.last)
        )

    def failure(self, node: Node, tiles: Tiles) -> Failure | None:
        """The first failure of a node on some tiles that nothing has measured since."""
        missing = set(tiles - self.covered(node))
        for fact in sorted(self._of(node), key=lambda fact: fact.first):
            if fact.error is not None and not missing.isdisjoint(range(fact.first, fact.last)):
                return Failure(
                    stage="measure", reason=fact.error, message=fact.message or "", op=node.op
                )
        return None

    def series(self, node: Node) -> Mapping[str, Series]:
        """Every series of a node over its covered tiles."""
        key = self.key(node)
        if key not in self._series:
            self._series[key] = self._read(node)
        return self._series[key]

    def shots(self, node: Node, table: FrameTable) -> tuple[Shot, ...]:
        """The shots that a detector finds, worked out once."""
        key = self.key(node)
        if key not in self._shots:
            self._shots[key] = tuple(node.detector.shots(self.series(node), table))
        return self._shots[key]

    def _of(self, node: Node) -> list[Fact]:
        key = self.key(node)
        if key not in self._facts:
            self.load([node])
        return self._facts[key]

    def _read(self, node: Node) -> Mapping[str, Series]:
        pieces: dict[str, list[Series]] = {}
        reached = 0
        good = [fact for fact in self._of(node) if fact.error is None]
        for fact in sorted(good, key=lambda fact: (fact.first, -fact.last)):
            first = max(fact.first, reached)  # builds that overlap measured some tiles twice
            if first >= fact.last:
                continue
            reached = fact.last
            own = TileRange(first, fact.last).span
            for name, series in decode_series(self._store.output(fact)).items():
                pieces.setdefault(name, []).append(series.within(own))
        found = {
            name: Series.join([piece for piece in parts if len(piece)] or parts[:1])
            for name, parts in pieces.items()
        }
        return (
            {**found, **node.measure.gather(found)} if isinstance(node.measure, Gatherer) else found
        )
