from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from curator.media.ahead import ahead


def test_items_come_in_order() -> None:
    assert list(ahead((i for i in range(100)), depth=3)) == list(range(100))


def test_it_works_ahead_by_no_more_than_its_depth() -> None:
    made: list[int] = []
    enough = threading.Event()

    def numbers() -> Generator[int, None, None]:
        for i in range(10):
            made.append(i)
            if i == 2:
                enough.set()
            yield i

    reading = ahead(numbers(), depth=1)
    assert next(reading) == 0
    assert enough.wait(5)  # one waits in the queue, one is in the hand
    assert made == [0, 1, 2]
    assert list(reading) == list(range(1, 10))


def test_an_error_is_raised_where_it_would_have_been() -> None:
    def numbers() -> Generator[int, None, None]:
        yield 1
        raise KeyError("two")

    reading = ahead(numbers())
    assert next(reading) == 1
    with pytest.raises(KeyError, match="two"):
        next(reading)


def test_closing_early_closes_the_source_and_leaves_no_thread() -> None:
    closed = threading.Event()

    def numbers() -> Generator[int, None, None]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    before = threading.active_count()
    reading = ahead(numbers())
    assert next(reading) == 0
    reading.close()  # type: ignore[attr-defined]
    assert closed.is_set()
    assert threading.active_count() == before
