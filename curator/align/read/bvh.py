"""Biovision hierarchies: a skeleton and its joints' angles by frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import InvalidOperation
from fractions import Fraction
from typing import ClassVar

import numpy as np

from curator.abc.reader import Sidecar
from curator.align.read.bounded import invalid, read_text
from curator.align.read.lengths import LengthUnit, UpAxis, frame_seconds
from curator.align.read.rotations import Floats, about, forward, multiply
from curator.model.track import MotionTrack, Skeleton

__all__ = ["Bvh"]

_MOST_BYTES = 512 << 20
_MOST_JOINTS = 4096
_SHOWN = 40
_CHANNELS = {
    f"{axis}{kind}": (kind, number)
    for kind in ("position", "rotation")
    for number, axis in enumerate("xyz")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bvh:
    """BVH motion capture (``.bvh``): joints by name, positions by forward kinematics, local rotations.

    The format knows neither units nor which axis points up: say them. Any order of channels is
    read. Position channels take the place of a joint's OFFSET, as Blender has it. End sites become
    joints called ``PARENT_end``; a name that is taken gets the joint's number behind it. A frame time that is a usual rate, rounded (``.03333``), is taken
    for that rate.

    Own parser: of the libraries, bvhio gives one object per joint and frame, and bvh knows neither
    end sites nor kinematics.
    """

    name: ClassVar[str] = "bvh"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".bvh",)
    extra: ClassVar[str | None] = None

    unit: LengthUnit = LengthUnit.cm
    """What offsets and positions count."""
    up: UpAxis = UpAxis.y
    """Which axis points up."""
    fps: Fraction | None = field(default=None, metadata={"unit": "fps"})
    """Frames per second; as the file says unless given."""

    def read(self, file: Sidecar) -> Mapping[str, MotionTrack]:
        """The file's one skeleton; see `curator.abc.reader.TrackReader.read`."""
        lines = read_text(file, limit=_MOST_BYTES).split("\n")
        tree = _Tree(file)
        motion = tree.read(lines)
        count, seconds, first = _motion_head(file, lines, motion)
        values = _frames(file, lines, first, count, tree.width)
        turns, offsets = tree.pose(values, self.unit.value)
        return {
            "": MotionTrack(
                ticks=np.arange(len(values), dtype=np.int64),
                time_base=1 / self.fps if self.fps else seconds,
                skeleton=Skeleton(
                    joints=tuple(joint.name for joint in tree.joints),
                    parents=tuple(joint.parent for joint in tree.joints),
                    up=self.up.value,
                ),
                positions=forward([one.parent for one in tree.joints], offsets, turns).astype(
                    np.float32
                ),
                rotations=turns.astype(np.float32),
            )
        }


@dataclass(slots=True)
class _Joint:
    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    first: int = 0
    """Column of its first channel."""
    channels: tuple[tuple[str, int], ...] = ()
    """(``position`` or ``rotation``, axis), in the file's order."""


class _Tree:
    """The HIERARCHY, line by line."""

    def __init__(self, file: Sidecar) -> None:
        self.file = file
        self.joints: list[_Joint] = []
        self.width = 0
        self._open: list[int] = []
        self._named: int | None = None
        self._names: set[str] = set()

    def read(self, lines: list[str]) -> int:
        """Read up to MOTION; gives the number of that line."""
        numbered = _written(lines, 0)
        first = next(numbered, (0, []))
        if [word.upper() for word in first[1]] != ["HIERARCHY"]:
            raise self._wrong("does not begin with HIERARCHY", first[0])
        number = first[0]
        for number, words in numbered:
            if words[0].upper() == "MOTION":
                if self._open or not self.joints:
                    raise self._wrong("MOTION before the hierarchy is complete", number)
                return number
            self._line(words, number)
        raise self._wrong("there is no MOTION", number)

    def pose(self, values: Floats, scale: float) -> tuple[Floats, Floats]:
        """Local rotations ``(n, joints, 4)`` and offsets ``(n, joints, 3)`` in metres."""
        turns = np.zeros((len(values), len(self.joints), 4))
        turns[..., 0] = 1
        offsets = np.empty((len(values), len(self.joints), 3))
        for number, joint in enumerate(self.joints):
            offsets[:, number] = joint.offset
            for column, (kind, axis) in enumerate(joint.channels, joint.first):
                if kind == "position":
                    offsets[:, number, axis] = values[:, column]
                else:
                    turn = about(axis, np.radians(values[:, column]))
                    turns[:, number] = multiply(turns[:, number], turn)
        return turns, offsets * scale

    def _line(self, words: list[str], number: int) -> None:
        word = words[0].upper()
        if word in {"ROOT", "JOINT"} or [one.upper() for one in words] == ["END", "SITE"]:
            self._begin(word, words, number)
        elif word == "{" and self._named is not None:
            self._open.append(self._named)
            self._named = None
        elif word == "}" and self._open:
            self._open.pop()
        elif word == "OFFSET" and self._open:
            self._current.offset = self._numbers(words[1:], number)
        elif word == "CHANNELS" and self._open:
            self._channels(words, number)
        else:
            raise self._wrong(f"'{' '.join(words)[:_SHOWN]}' is not expected here", number)

    @property
    def _current(self) -> _Joint:
        return self.joints[self._open[-1]]

    def _begin(self, word: str, words: list[str], number: int) -> None:
        if self._named is not None or (word == "ROOT") == bool(self._open):
            raise self._wrong(f"{word} is not expected here", number)
        if len(self.joints) >= _MOST_JOINTS:
            raise self._wrong(f"more than {_MOST_JOINTS} joints", number)
        parent = self._open[-1] if self._open else -1
        name = f"{self._current.name}_end" if word == "END" else " ".join(words[1:])
        if not name:
            raise self._wrong(f"{word} has no name", number)
        if name in self._names:  # a hand with several end sites, a careless exporter
            name = f"{name}#{len(self.joints)}"
        self._names.add(name)
        self._named = len(self.joints)
        self.joints.append(_Joint(name=name, parent=parent))

    def _numbers(self, words: list[str], number: int) -> tuple[float, ...]:
        try:
            found = tuple(float(word) for word in words)
        except ValueError as error:
            raise self._wrong(f"{error}", number) from error
        if len(found) != 3 or not np.isfinite(found).all():
            raise self._wrong("OFFSET has three finite numbers", number)
        return found

    def _channels(self, words: list[str], number: int) -> None:
        names = [word.lower() for word in words[2:]]
        if words[1:2] != [str(len(names))] or not set(names) <= set(_CHANNELS):
            raise self._wrong("CHANNELS has a count and as many names like Xrotation", number)
        if self._current.channels:
            raise self._wrong("a joint has its CHANNELS once", number)
        self._current.first = self.width
        self._current.channels = tuple(_CHANNELS[name] for name in names)
        self.width += len(names)

    def _wrong(self, message: str, number: int) -> Exception:
        return invalid(self.file, message, at=f"line {number + 1}")


def _written(lines: list[str], first: int) -> Iterator[tuple[int, list[str]]]:
    """Number and words of the lines that are not empty."""
    for number in range(first, len(lines)):
        if words := lines[number].split():
            yield number, words


def _motion_head(file: Sidecar, lines: list[str], motion: int) -> tuple[int, Fraction, int]:
    """How many frames, seconds per frame, and the line where they begin."""
    head = _written(lines, motion + 1)
    number, words = next(head, (motion, []))
    if [word.lower() for word in words[:1]] != ["frames:"] or not words[-1].isdecimal():
        raise invalid(file, "'Frames: COUNT' is expected here", at=f"line {number + 1}")
    count = int(words[-1][:12])
    number, words = next(head, (number, []))
    if [word.lower() for word in words[:2]] != ["frame", "time:"] or len(words) != 3:
        raise invalid(file, "'Frame Time: SECONDS' is expected here", at=f"line {number + 1}")
    try:
        seconds = frame_seconds(words[2])
    except (ValueError, InvalidOperation) as error:
        message = f"'{words[2][:_SHOWN]}' is no frame time"
        raise invalid(file, message, at=f"line {number + 1}") from error
    return count, seconds, number + 1


def _frames(file: Sidecar, lines: list[str], first: int, count: int, width: int) -> Floats:
    """``(n, width)``: one line for each frame."""
    rows = []
    for frame, (number, words) in enumerate(_written(lines, first)):
        at = f"line {number + 1} (frame {frame})"
        if len(words) != width:
            raise invalid(file, f"{len(words)} values, the channels are {width}", at=at)
        try:
            rows.append(np.array(words, dtype=np.float64))
        except ValueError as error:
            raise invalid(file, str(error), at=at) from error
    if len(rows) != count:
        message = f"{len(rows)} frames, 'Frames:' says {count}"
        raise invalid(file, message, at=f"line {first + 1}")
    return np.stack(rows) if rows else np.zeros((0, width))
