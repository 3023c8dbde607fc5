"""A `Probe` as bytes and back: deterministic, readable without this package, and no pickle.

Layout: magic, length of the JSON header (8 bytes, little endian), the header, then the arrays one
after another in the order, type and length that the header gives.
"""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from curator.media.probe import Clock, Probe
from curator.model.video import AudioStream, FrameTable, VideoInfo, VideoStream

__all__ = ["dump", "load"]

_MAGIC = b"CURATOR-PROBE/1\n"
_FRACTIONS = frozenset({"sample_aspect", "time_base", "start_seconds", "duration_seconds"})


def dump(probe: Probe) -> bytes:
    """The same probe gives the same bytes everywhere."""
    table = probe.table
    arrays = {
        "steps": _small(np.diff(table.ticks)),
        "sizes": _small(table.sizes),
        "keyframes": np.packbits(table.keyframes),
        "entries": np.packbits(probe.entries),
    }
    if probe.packet_ticks is not None:
        arrays["packet_ticks"] = probe.packet_ticks.astype("<i8")
    header = {
        "info": _without_neutral(dataclasses.asdict(probe.info)),
        "clock": probe.clock.name,
        "first_pts": probe.first_pts,
        "end_tick": table.end_tick,
        "time_base": table.time_base,
        "num_frames": len(table),
        "arrays": [[name, a.dtype.str, len(a)] for name, a in arrays.items()],
    }
    text = json.dumps(header, default=str, sort_keys=True, separators=(",", ":")).encode()
    body = b"".join(a.tobytes() for a in arrays.values())
    return _MAGIC + len(text).to_bytes(8, "little") + text + body


def load(data: bytes) -> Probe:
    """The probe that `dump` wrote.

    Raises:
        ValueError: for bytes that it did not write.
    """
    start = len(_MAGIC) + 8
    if not data.startswith(_MAGIC):
        raise ValueError("not a stored probe")
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    header = json.loads(data[start:end])
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, dtype, length in header["arrays"]:
        arrays[name] = np.frombuffer(data, dtype=dtype, count=length, offset=end)
        end += arrays[name].nbytes
    if end != len(data):
        raise ValueError("a stored probe has another length than its header says")
    count = int(header["num_frames"])
    steps = arrays["steps"].astype(np.int64)
    table = FrameTable(
        ticks=np.concatenate([np.zeros(1, np.int64), np.cumsum(steps, dtype=np.int64)]),
        keyframes=_bits(arrays["keyframes"], count),
        sizes=arrays["sizes"].astype(np.int64),
        time_base=Fraction(header["time_base"]),
        end_tick=int(header["end_tick"]),
    )
    packet_ticks = arrays.get("packet_ticks")
    return Probe(
        info=_info(header["info"]),
        table=table,
        clock=Clock[header["clock"]],
        first_pts=int(header["first_pts"]),
        entries=_bits(arrays["entries"], count),
        packet_ticks=None if packet_ticks is None else packet_ticks.astype(np.int64),
    )


def _small(values: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """The same numbers in the narrowest unsigned type; all are positive."""
    top = int(values.max()) if len(values) else 0
    for dtype in ("<u1", "<u2", "<u4"):
        if top <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values.astype("<u8")


def _bits(packed: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.bool_]:
    return np.unpackbits(packed, count=count).astype(np.bool_)


def _without_neutral(info: dict[str, Any]) -> dict[str, Any]:
    """Facts that came later are left out where there are none: keys name a probe by its bytes."""
    if info["timecode"] is None:
        del info["timecode"]
    for stream in info["audio"]:
        if not stream["jumps"]:
            del stream["jumps"]
    return info


def _info(facts: dict[str, Any]) -> VideoInfo:
    audio = tuple(_audio(stream) for stream in facts["audio"])
    exact = {k: Fraction(v) for k, v in facts.items() if k in _FRACTIONS}
    video = facts["video"]
    stream = VideoStream(**video | {k: Fraction(video[k]) for k in ("sample_aspect", "time_base")})
    return VideoInfo(
        **facts | exact | {"video": stream, "audio": audio, "notes": tuple(facts["notes"])}
    )


def _audio(facts: dict[str, Any]) -> AudioStream:
    exact = {
        "start_seconds": Fraction(facts["start_seconds"]),
        "jumps": tuple((at, Fraction(added)) for at, added in facts.get("jumps", ())),
    }
    return AudioStream(**facts | exact)
