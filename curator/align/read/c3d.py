"""C3D files: markers and analog channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from curator.abc.reader import Sidecar
from curator.align.read.bounded import check_size, invalid, missing_extra
from curator.align.read.joints import skeleton_of
from curator.align.read.lengths import LengthUnit, UpAxis
from curator.model.series import Series
from curator.model.track import MotionTrack, NumberTrack, Track

__all__ = ["C3d"]

_UNITS = {"m": LengthUnit.m, "cm": LengthUnit.cm, "mm": LengthUnit.mm, "in": LengthUnit.inch}
_MOST_BYTES = 512 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class C3d:
    """C3D (``.c3d``), by ezc3d: the track ``markers``, and ``analog`` where there are channels.

    Markers hang from nothing: each is a root of the skeleton. A marker that was not seen (negative
    residual) is NaN. Time 0 is the file's first frame, whatever its number is.

    Library: ezc3d, which pyomeca and others build on; c3d 0.6 ends in assertions on files that ezc3d
    wrote. Of 460 files with bytes changed at random one crashed ezc3d, the others were read or
    refused: a crash costs its video, as every crash of a worker does.
    """

    name: ClassVar[str] = "c3d"
    version: ClassVar[int] = 1
    suffixes: ClassVar[tuple[str, ...]] = (".c3d",)
    extra: ClassVar[str | None] = "mocap"

    up: UpAxis = UpAxis.z
    """Which axis points up; laboratories mostly have z."""
    unit: LengthUnit | None = None
    """What positions count; as the file says unless given."""

    def read(self, file: Sidecar) -> Mapping[str, Track]:
        """Markers and analog channels; see `curator.abc.reader.TrackReader.read`."""
        content = _content(file)
        points, analog = content["parameters"]["POINT"], content["parameters"].get("ANALOG", {})
        tracks: dict[str, Track] = {}
        markers = content["data"]["points"]
        if markers.shape[1]:
            rate = _rate(file, _value(points, "RATE"), "POINT:RATE")
            names = _labels(points, markers.shape[1])
            tracks["markers"] = MotionTrack(
                ticks=np.arange(markers.shape[2], dtype=np.int64),
                time_base=1 / rate,
                skeleton=skeleton_of(file, names, [-1] * len(names), self.up),
                positions=self._metres(file, markers, points),
            )
        sensors = content["data"]["analogs"]
        if sensors.shape[1] and sensors.shape[2]:
            rate = _rate(file, _value(analog, "RATE"), "ANALOG:RATE")
            tracks["analog"] = NumberTrack(
                series=Series(np.arange(sensors.shape[2]), 1 / rate, sensors[0].T.copy()),
                fields=_labels(analog, sensors.shape[1]),
                units=_units(analog, sensors.shape[1]),
            )
        if not tracks:
            raise invalid(file, "holds neither markers nor analog channels")
        return tracks

    def _metres(
        self, file: Sidecar, markers: npt.NDArray[Any], points: Mapping[str, Any]
    ) -> npt.NDArray[np.float32]:
        named = str(_value(points, "UNITS") or "")
        unit = self.unit or _UNITS.get(named.strip().lower())
        if unit is None:
            raise invalid(
                file, f"'{named[:40]}' is no unit of length", at="POINT:UNITS", hint="say unit: mm"
            )
        metres: npt.NDArray[np.float32] = (
            (markers[:3] * unit.value).transpose(2, 1, 0).astype(np.float32)
        )
        return metres


def _content(file: Sidecar) -> Any:
    try:
        import ezc3d
    except ImportError as error:
        raise missing_extra("ezc3d", "mocap") from error
    check_size(file, _MOST_BYTES)
    try:
        return ezc3d.c3d(str(file.path))
    except (OSError, RuntimeError, ValueError, IndexError, KeyError, MemoryError) as error:
        raise invalid(file, f"no C3D that can be read: {error}") from error


def _value(group: Mapping[str, Any], name: str) -> Any:
    held: Sequence[Any] = group[name]["value"] if name in group else ()
    return held[0] if len(held) else None


def _rate(file: Sidecar, value: Any, at: str) -> Fraction:
    if value is None or not 0 < float(value) < 10**6:
        raise invalid(file, "no rate", at=at)
    return Fraction(str(float(value)))


def _labels(group: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Names that differ: files with more than 255 go on in LABELS2, some repeat or leave out."""
    found: list[str] = []
    for key in ("LABELS", *(f"LABELS{n}" for n in range(2, 10))):
        found += [str(one).strip() for one in group[key]["value"]] if key in group else []
    names: dict[str, None] = {}
    for number in range(count):
        name = found[number] if number < len(found) and found[number] else f"#{number}"
        names[name if name not in names else f"{name}#{number}"] = None
    return tuple(names)


def _units(group: Mapping[str, Any], count: int) -> tuple[str, ...]:
    held = [str(one).strip() for one in group["UNITS"]["value"]] if "UNITS" in group else []
    return tuple(one or "1" for one in held) if len(held) == count else ()
