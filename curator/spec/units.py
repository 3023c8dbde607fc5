"""Quantities as people write them: ``3s``, ``200ms``, ``720p``, ``16kHz``, ``2%``, ``-23LUFS``.

A plain number is in the unit that the setting declares. A written unit must be of the same kind.
"""

from __future__ import annotations

import re

__all__ = ["NotANumberError", "WrongUnitError", "parse_quantity", "unit_of_name"]

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")

# Kind of quantity -> spelling -> how many of the kind's base unit.
_KINDS: dict[str, dict[str, float]] = {
    "time": {"s": 1, "sec": 1, "seconds": 1, "ms": 1e-3, "min": 60, "h": 3600},
    "length": {"px": 1, "p": 1},
    "frame rate": {"fps": 1},
    "frequency": {"Hz": 1, "kHz": 1e3, "MHz": 1e6},
    "share": {"ratio": 1, "share": 1, "%": 0.01},
    "level": {"dB": 1, "dBFS": 1, "LUFS": 1, "LU": 1, "dBTP": 1},
    "angle": {"deg": 1, "°": 1},
    "size": {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 1e3, "MB": 1e6, "GB": 1e9},
    "bit rate": {"bit/s": 1, "kbit/s": 1e3, "Mbit/s": 1e6},
}
_KIND_OF = {spelling: kind for kind, spellings in _KINDS.items() for spelling in spellings}

# The end of a setting's name says its unit, so that nobody has to write it twice.
_BY_NAME = {
    "seconds": "s",
    "px": "px",
    "hz": "Hz",
    "fps": "fps",
    "ratio": "ratio",
    "share": "ratio",
    "db": "dB",
    "dbfs": "dBFS",
    "lufs": "LUFS",
    "deg": "deg",
    "degrees": "deg",
    "mib": "MiB",
    "gib": "GiB",
}


class NotANumberError(ValueError):
    """The text does not begin with a number."""


class WrongUnitError(ValueError):
    """The written unit is of another kind than the declared one."""

    def __init__(self, written: str, declared: str) -> None:
        super().__init__(f"'{written}' does not fit '{declared}'")
        self.written = written
        self.declared = declared


def parse_quantity(value: float | str, unit: str) -> float:
    """A number in `unit`; an int stays one where no conversion is needed.

    >>> parse_quantity("200ms", "s"), parse_quantity("2%", "ratio"), parse_quantity(3, "s")
    (0.2, 0.02, 3)

    Raises:
        NotANumberError: for text without a number in front.
        WrongUnitError: for a unit of another kind.
    """
    if not isinstance(value, str):
        return value
    match = _QUANTITY.fullmatch(value)
    if match is None:
        raise NotANumberError(value)
    number = float(match[1])
    written = match[2]
    if not written or written == unit:
        return number
    kind = _KIND_OF.get(unit)
    if kind is None or _KIND_OF.get(written) != kind:
        raise WrongUnitError(written, unit)
    return _rounded(number * _KINDS[kind][written] / _KINDS[kind][unit])


def unit_of_name(name: str) -> str:
    """The unit that the last word of a setting's name says, or nothing."""
    return _BY_NAME.get(name.rpartition("_")[2].lower(), "")


def _rounded(value: float) -> float:
    """0.35000000000000003 (35%) means 0.35."""
    return float(f"{value:.12g}")
