"""MCAP recordings: topics of messages with numbers or text."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, ClassVar, TypeVar

import numpy as np

from curator.abc.reader import Sidecar
from curator.align.read.bounded import DATA_BYTES, invalid, missing_extra, open_bytes
from curator.align.read.cues import Draft, Drafts
from curator.align.read.timeline import TimeUnit, ticks_of
from curator.model.series import Series
from curator.model.track import NANOSECOND, Between, NumberTrack, Track

__all__ = ["Mcap", "Stamp"]

_T = TypeVar("_T")
_RECORD_BYTES = 256 << 20
_MOST_MESSAGES = 20_000_000
_MOST_NUMBERS = 4096
"""In one message: what has more is a picture or a cloud of points, and no track."""
_DEEPEST = 16


class Stamp(enum.Enum):
    """Which of a message's times counts."""

    log = "log"
    """When it was written."""
    publish = "publish"
    """When it was sent."""


@dataclass(slots=True)
class _Rows:
    """The messages of one topic so far."""

    times: list[int] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mcap:
    """MCAP (``.mcap``), by the mcap library: JSON, ROS 1, ROS 2 and Protobuf messages.

    Every topic whose messages hold numbers is a track, named like the topic without its first
    slash; a message's numbers are its fields, named by their path (``pose.position.x``). Pictures
    and point clouds are left out. Messages come in the order of their times; of two at the same
    instant the last one counts. Recordings without an index (cut off) are an error: `mcap recover`.
    """

    name: ClassVar[str] = "mcap"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".mcap",)
    extra: ClassVar[str | None] = "robotics-data"

    topics: Mapping[str, str] = field(default_factory=dict)
    """Topic by name of the track; every topic with numbers unless given."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Topic by name of a text track; its messages' first text holds until the next one."""
    stamp: Stamp = Stamp.log
    """Which of a message's times counts."""
    from_first: bool = True
    """Whether times count from the recording's first message; else since 1970."""
    between: Mapping[str, Between] = field(default_factory=dict)
    """What values are between messages, by track: linear unless given."""

    def read(self, file: Sidecar) -> Mapping[str, Track]:
        """Tracks by topic; see `curator.abc.reader.TrackReader.read`."""
        numbers: dict[str, _Rows] = {}
        texts: dict[str, list[tuple[int, str]]] = {name: [] for name in self.texts}
        first: int | None = None
        for topic, time, message in self._messages(file):
            first = time if first is None else first
            if message is None:
                continue
            for name in self._tracks_of(topic):
                _add(file, name, time, message, numbers.setdefault(name, _Rows()))
            for name, wanted in self.texts.items():
                if topic == wanted and (said := _first_text(message, _DEEPEST)):
                    texts[name].append((time, said))
        missing = [name for name in self.topics if name not in numbers]
        if missing:
            raise invalid(file, f"has no messages on topic '{self.topics[missing[0]]}'")
        zero = (first or 0) if self.from_first else 0
        tracks: dict[str, Track] = {
            name: self._numbers(file, name, rows, zero)
            for name, rows in sorted(numbers.items())
            if rows.names
        }
        for name, said_at in texts.items():
            drafts = Drafts([_draft(time - zero, text) for time, text in said_at])
            tracks[name] = drafts.track(language=None, video_seconds=file.video_seconds)
        if not tracks:
            raise invalid(file, "no topic holds numbers")
        return tracks

    def _tracks_of(self, topic: str) -> list[str]:
        if self.topics:
            return [name for name, wanted in self.topics.items() if wanted == topic]
        return [] if topic in self.texts.values() else [topic.lstrip("/")]

    def _numbers(self, file: Sidecar, name: str, rows: _Rows, zero: int) -> NumberTrack:
        order = np.argsort(np.array(rows.times, dtype=np.int64), kind="stable")
        times = (np.array(rows.times, dtype=np.int64) - zero)[order]
        ticks, keep = ticks_of(file, times, TimeUnit.ns, row=f"topic '{name}' message")
        return NumberTrack(
            series=Series(ticks, NANOSECOND, np.array(rows.values)[order][keep]),
            fields=rows.names or (),
            between=(self.between.get(name, Between.linear),),
        )

    def _messages(self, file: Sidecar) -> Iterator[tuple[str, int, Any]]:
        """Topic, time in ns and content of every message that can be decoded; first, without content, the start."""
        try:
            from mcap.reader import SeekingReader
        except ImportError as error:
            raise missing_extra("mcap", "robotics-data") from error
        wanted = {*self.topics.values(), *self.texts.values()} if self.topics else None
        decoders = _Decoders(file)
        with open_bytes(file) as opened:
            reader = _guarded(file, partial(SeekingReader, opened, record_size_limit=_RECORD_BYTES))
            summary = _guarded(file, reader.get_summary)
            if summary is None:
                hint = "mcap recover FILE -o OUT.mcap"
                raise invalid(file, "has no index: it was cut off", hint=hint)
            _check_chunks(file, summary)
            if summary.statistics is not None:
                yield "", summary.statistics.message_start_time, None
            messages = iter(reader.iter_messages(topics=wanted))
            for _ in range(_MOST_MESSAGES):
                found = _guarded(file, partial(next, messages, None))
                if found is None:
                    return
                schema, channel, message = found
                content = decoders.content(schema, channel, message)
                if content is not None:
                    log = self.stamp is Stamp.log
                    yield channel.topic, message.log_time if log else message.publish_time, content


def _guarded(file: Sidecar, step: Callable[[], _T], at: str | None = None) -> _T:
    """What a library gives, or an error that names the file.

    Damaged recordings and strangers' schemas end in whatever the readers and decoders stumble
    over: KeyError, NameError, zstandard's and struct's own.
    """
    try:
        return step()
    except Exception as error:  # see above; nothing of ours runs inside
        what = "cannot be decoded" if at else "no MCAP that can be read"
        raise invalid(file, f"{what}: {error!r:.200}", at=at) from error


def _check_chunks(file: Sidecar, summary: Any) -> None:
    """Sizes by the index, before anything is unpacked."""
    sizes = [chunk.uncompressed_size for chunk in summary.chunk_indexes]
    if sum(sizes) > DATA_BYTES or max(sizes, default=0) > _RECORD_BYTES:
        raise invalid(file, f"{sum(sizes)} bytes when unpacked, at most {DATA_BYTES} are read")


class _Decoders:
    """By schema, made when the first message of its kind comes."""

    def __init__(self, file: Sidecar) -> None:
        self._file = file
        self._made: dict[tuple[str, int], Any] = {}
        self._factories: dict[str, Any] = {}

    def content(self, schema: Any, channel: Any, message: Any) -> Any:
        """The message as Python's objects; None when its encoding is not known."""
        kind = channel.message_encoding
        at = f"topic '{channel.topic}' message {message.sequence}"
        if kind == "json":
            return _guarded(self._file, partial(json.loads, message.data), at)
        key = (kind, channel.schema_id)
        if key not in self._made:
            factory = self._factory(kind)
            make = partial(factory.decoder_for, kind, schema) if factory else None
            self._made[key] = None if make is None else _guarded(self._file, make, at)
        decoder = self._made[key]
        return None if decoder is None else _guarded(self._file, partial(decoder, message.data), at)

    def _factory(self, kind: str) -> Any:
        if kind not in self._factories:
            self._factories[kind] = _factory(kind)
        return self._factories[kind]


def _factory(kind: str) -> Any:
    try:
        if kind == "cdr":
            from mcap_ros2.decoder import DecoderFactory as Ros2

            return Ros2()
        if kind == "ros1":
            from mcap_ros1.decoder import DecoderFactory as Ros1

            return Ros1()
        if kind == "protobuf":
            from mcap_protobuf.decoder import DecoderFactory as Protobuf

            return Protobuf()
    except ImportError as error:
        raise missing_extra(f"the decoder of {kind}", "robotics-data") from error
    return None


def _add(file: Sidecar, name: str, time: int, message: Any, rows: _Rows) -> None:
    found = list(islice(_leaves(message, "", _DEEPEST), _MOST_NUMBERS + 1))
    if len(found) > _MOST_NUMBERS:
        return
    names = tuple(leaf for leaf, _ in found)
    if rows.names is None:
        rows.names = names
    if names != rows.names:
        at = f"topic '{name}' message {len(rows.times)}"
        raise invalid(file, "has other fields than the first one", at=at)
    rows.times.append(time)
    rows.values.append([value for _, value in found])


def _leaves(value: Any, path: str, deeper: int) -> Iterator[tuple[str, float]]:
    """Numbers of a message by their path; headers' stamps and sequence numbers are no content."""
    if isinstance(value, bool | int | float | np.number):
        yield path or "value", float(value)
    elif deeper and not isinstance(value, str | bytes | bytearray | memoryview):
        for name, one in _members(value):
            if name != "header" and not name.startswith("_"):
                yield from _leaves(one, f"{path}.{name}" if path else name, deeper - 1)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Fields of a message of any decoder, elements of a list."""
    if isinstance(value, Mapping):
        yield from ((str(name), one) for name, one in value.items())
    elif hasattr(value, "DESCRIPTOR"):  # Protobuf
        yield from ((one.name, getattr(value, one.name)) for one in value.DESCRIPTOR.fields)
    elif hasattr(value, "__slots__") and not isinstance(value, np.ndarray):  # ROS
        names = value.__slots__
        yield from ((name, getattr(value, name)) for name in names if hasattr(value, name))
    elif hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        yield from ((str(number), value[number]) for number in range(len(value)))
    elif hasattr(value, "__dict__"):
        yield from vars(value).items()


def _first_text(value: Any, deeper: int) -> str:
    if isinstance(value, str):
        return value.strip()
    if not deeper or isinstance(value, bytes | bytearray | memoryview | int | float):
        return ""
    found = (_first_text(one, deeper - 1) for name, one in _members(value) if name != "header")
    return next((text for text in found if text), "")


def _draft(time: int, text: str) -> Draft:
    return Draft(start=time * NANOSECOND, end=None, text=text, where=f"{time / 1e9:.3f} s")
