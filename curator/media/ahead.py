"""Let a generator work ahead in a thread of its own while its results are used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["ahead"]

T = TypeVar("T")
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def ahead(items: Generator[T, None, None], *, depth: int = 1) -> Generator[T, None, None]:
    """The same items in the same order, up to `depth` of them made before they are asked for.

    Decoders and scalers release Python's lock, so both sides run at once. An error is raised where
    it would have been; when this generator is closed early, `items` is closed in its own thread.
    """
    made: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
    stop = threading.Event()
    thread = threading.Thread(target=_produce, args=(items, made, stop), daemon=True)
    thread.start()
    try:
        while isinstance(found := made.get(), _Item):
            yield found.value
        if found.error is not None:
            raise found.error
    finally:
        stop.set()
        thread.join()


def _produce(
    items: Generator[T, None, None],
    made: queue.Queue[_Item[T] | _End],
    stop: threading.Event,
) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(made, _Item(item), stop):
                break
    except BaseException as caught:  # noqa: BLE001 - it is raised again in the reader's thread
        error = caught
    finally:
        items.close()
    _put(made, _End(error), stop)


def _put(made: queue.Queue[_Item[T] | _End], item: _Item[T] | _End, stop: threading.Event) -> bool:
    """Whether the item was taken in before the reader left."""
    while not stop.is_set():
        try:
            made.put(item, timeout=_POLL_SECONDS)
        except queue.Full:
            continue
        return True
    return False
