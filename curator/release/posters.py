"""Pictures for the report, from what the scan pass kept: nothing is decoded for them."""

from __future__ import annotations

from collections.abc import Sequence

from curator.engine.known import VideoKnown
from curator.engine.record import Recorder, grid_of
from curator.errors import StoreError
from curator.model.outcome import Outcome
from curator.model.span import Span
from curator.plan.logical import POSTER
from curator.plan.physical import Plan
from curator.store.store import Store

__all__ = ["StoredPosters"]

_MOST = 3
"""Pictures of one span."""


class StoredPosters:
    """A callable `(fingerprint, span) -> JPEGs`, read from the store."""

    def __init__(self, store: Store, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        self._store = store
        self._node = plan.nodes[POSTER]
        self._recorder = Recorder(store)
        self._videos = {outcome.fingerprint for outcome in outcomes if outcome.info is not None}

    def __call__(self, fingerprint: str, span: Span) -> Sequence[bytes]:
        """A few pictures of a span in time order; none when the video was not scanned."""
        if fingerprint not in self._videos:
            return []
        probe = self._recorder.probe(fingerprint, retry=True)
        if not isinstance(probe, bytes):
            return []
        known = VideoKnown(self._store, fingerprint=fingerprint, grid=grid_of(probe))
        try:
            series = known.series(self._node).get("jpeg")
        except StoreError as error:
            if error.reason not in ("blob-missing", "blob-damaged"):
                raise
            return []  # the next build takes them again; a picture less is no reason to stop this one
        if series is None:
            return []
        inside = [bytes(value) for value in series.within(span).values]
        if len(inside) <= _MOST:
            return inside
        return [inside[(2 * i + 1) * len(inside) // (2 * _MOST)] for i in range(_MOST)]
