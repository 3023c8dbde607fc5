"""Camera poses by frame."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from curator.abc.reader import Sidecar
from curator.align.read.arrays import read_arrays
from curator.align.read.bounded import invalid, read_text
from curator.align.read.columns import suffix
from curator.align.read.documents import read_document
from curator.align.read.lengths import LengthUnit
from curator.align.read.rotations import Floats, from_matrix, rotate
from curator.align.read.timeline import ticks_of
from curator.model.series import Series
from curator.model.track import NANOSECOND, Between, NumberTrack

__all__ = ["Camera", "Turn"]

_ARRAYS = ("poses", "extrinsics", "cam_c2w", "c2w", "w2c", "camera_poses")
_TOLERANCE = 1e-2
_MOST_BYTES = 512 << 20


class Turn(enum.Enum):
    """Order of a quaternion's numbers in a file."""

    xyzw = "xyzw"
    wxyz = "wxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Where a camera is and how it is turned: ``tx, ty, tz`` in metres and ``qw, qx, qy, qz``.

    Read are: NPZ and NPY with matrices ``(n, 4, 4)`` or ``(n, 3, 4)``, or rows of translation and
    quaternion ``(n, 7)``; text with a row for each pose: 8 numbers ``time tx ty tz qx qy qz qw``
    (TUM), 7 without the time, 12 or 16 of a matrix (KITTI); ``transforms.json`` of NeRF tools
    (``frames[].transform_matrix``, in their order). Poses are camera-to-world unless `inverse`.
    Between poses positions go straight and the camera turns the shortest way.

    Sources: the TUM RGB-D and KITTI odometry benchmarks' file formats; instant-ngp's transforms.json.
    """

    name: ClassVar[str] = "camera"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".tum",)
    extra: ClassVar[str | None] = None

    array: str | None = None
    """Array of an NPZ that holds the poses; by its usual names unless given."""
    quaternion: Turn = Turn.xyzw
    """Order of the file's quaternions."""
    inverse: bool = False
    """Whether the file has world-to-camera poses."""
    fps: Fraction | None = field(default=None, metadata={"unit": "fps"})
    """Poses per second, where the file has no times."""
    from_first: bool = False
    """Whether times count from the first row, as for times of day."""
    unit: LengthUnit = LengthUnit.m
    """What positions count."""

    def read(self, file: Sidecar) -> Mapping[str, NumberTrack]:
        """The file's one camera; see `curator.abc.reader.TrackReader.read`."""
        rows, times = self._rows(file)
        where, turn = self._poses(file, rows)
        if times is not None:
            ticks, keep = ticks_of(file, times, from_first=self.from_first)
            base = NANOSECOND
        elif self.fps is not None:
            ticks = keep = np.arange(len(rows), dtype=np.int64)
            base = 1 / self.fps
        else:
            raise invalid(file, "has no times", hint="say fps: ...")
        values = np.concatenate([where * self.unit.value, turn], axis=-1)[keep]
        return {
            "": NumberTrack(
                series=Series(ticks, base, values),
                fields=("tx", "ty", "tz", "qw", "qx", "qy", "qz"),
                units=("m",) * 3 + ("1",) * 4,
                between=(Between.linear,) * 3 + (Between.slerp,) * 4,
            )
        }

    def _rows(self, file: Sidecar) -> tuple[Floats, list[str] | npt.NDArray[Any] | None]:
        """Numbers by pose, ``(n, 7)`` or ``(n, 12)``, and times where there are any."""
        kind = suffix(file)
        if kind in {".npz", ".npy"}:
            return self._from_arrays(file)
        if kind == ".json":
            return _from_document(file), None
        return _from_text(file)

    def _from_arrays(self, file: Sidecar) -> tuple[Floats, npt.NDArray[Any] | None]:
        arrays = read_arrays(file)
        wanted = (self.array,) if self.array else ("", *_ARRAYS)
        name = next((one for one in wanted if one in arrays), None)
        if name is None:
            raise invalid(file, f"has no array '{self.array or _ARRAYS[0]}'")
        found = arrays[name]
        fits = found.shape[1:] in {(4, 4), (3, 4), (7,), (12,), (16,)}
        if found.dtype.kind not in "iuf" or not fits:
            raise invalid(file, f"{found.shape} are no poses", at=f"array '{name}'")
        times = next((arrays[one] for one in ("timestamp", "time") if one in arrays), None)
        if times is not None and len(times) != len(found):
            raise invalid(file, f"{len(times)} times for {len(found)} poses")
        return found.reshape(len(found), -1).astype(np.float64), None if self.fps else times

    def _poses(self, file: Sidecar, rows: Floats) -> tuple[Floats, Floats]:
        """Positions ``(n, 3)`` and turns ``(n, 4)`` as (w, x, y, z), camera to world."""
        if rows.shape[1] == 7:
            where, turn = rows[:, :3], rows[:, 3:]
            if self.quaternion is Turn.xyzw:
                turn = turn[:, [3, 0, 1, 2]]
            length = np.linalg.norm(turn, axis=-1)
            _all_near(file, np.abs(length - 1), "no unit quaternion")
            turn = turn / length[:, None]
        else:
            matrices = rows[:, :12].reshape(-1, 3, 4)
            turned, where = matrices[:, :, :3], matrices[:, :, 3]
            off = turned @ turned.transpose(0, 2, 1) - np.eye(3)
            _all_near(file, np.abs(off).max(axis=(1, 2)), "no rotation: its axes are not square")
            _all_near(file, np.abs(np.linalg.det(turned) - 1), "a mirror image, no rotation")
            turn = from_matrix(turned)
        if self.inverse:
            turn = turn * np.array([1.0, -1.0, -1.0, -1.0])
            where = -rotate(turn, where)
        return where, turn


def _all_near(file: Sidecar, off: Floats, message: str) -> None:
    """NaNs are gaps and stay."""
    if (off > _TOLERANCE).any():
        raise invalid(file, message, at=f"pose {int(np.argmax(off > _TOLERANCE))}")


def _from_text(file: Sidecar) -> tuple[Floats, list[str] | None]:
    rows: list[list[float]] = []
    times: list[str] = []
    width = 0
    for number, line in enumerate(read_text(file, limit=_MOST_BYTES).split("\n"), 1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        width = width or len(words)
        if len(words) != width or width not in {7, 8, 12, 16}:
            message = f"{len(words)} numbers; poses are rows of 8, 7, 12 or 16"
            raise invalid(file, message, at=f"line {number}")
        if width == 8:
            times.append(words.pop(0))
        try:
            rows.append([float(word) for word in words])
        except ValueError as error:
            raise invalid(file, str(error), at=f"line {number}") from error
    if not rows:
        raise invalid(file, "holds no poses")
    return np.array(rows), times or None


def _from_document(file: Sidecar) -> Floats:
    document = read_document(file)
    frames = document.get("frames") if isinstance(document, Mapping) else None
    if not isinstance(frames, list) or not frames:
        raise invalid(file, "has no list 'frames'")
    rows = []
    for number, frame in enumerate(frames):
        given = frame.get("transform_matrix") if isinstance(frame, Mapping) else None
        try:
            matrix = np.array(given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise invalid(file, "no matrix", at=f"frames[{number}]") from error
        if matrix.shape not in {(4, 4), (3, 4)}:
            raise invalid(file, "no 'transform_matrix' of 4 x 4", at=f"frames[{number}]")
        rows.append(matrix[:3].reshape(-1))
    return np.stack(rows)
