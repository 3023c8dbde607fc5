"""What a file counts lengths and frames in."""

from __future__ import annotations

import enum
from decimal import Decimal
from fractions import Fraction

__all__ = ["LengthUnit", "UpAxis", "frame_seconds"]


class LengthUnit(enum.Enum):
    """What a file counts lengths in; the value is metres."""

    m = 1.0
    cm = 0.01
    mm = 0.001
    inch = 0.0254


class UpAxis(enum.Enum):
    """Which axis points up."""

    y = "y"
    z = "z"


_RATES = tuple(
    Fraction(rate) for rate in (24, 25, 30, 48, 50, 60, 72, 75, 90, 100, 120, 144, 150, 180, 200, 240, 250, 300, 360, 480, 500)
) + tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120, 240))  # fmt: skip
_FEWEST_DIGITS = 3


def frame_seconds(written: str) -> Fraction:
    """Seconds per frame of a decimal that a file gives.

    ``0.0333333`` means a thirtieth: a decimal that is a usual rate, rounded, is that rate. Kept as
    written it would be late by 4 ms after an hour, and ``.03333`` by 0.36 s.

    Raises:
        ValueError: when it is no positive number.
    """
    number = Decimal(written)
    if not number.is_finite() or not Decimal("1e-6") <= number <= 10**4:
        raise ValueError(f"'{written}' is no time of a frame")
    exact = Fraction(number)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "finite numbers have one"
    if len(number.as_tuple().digits) < _FEWEST_DIGITS or -exponent > 15:
        return exact
    half = Fraction(1, 2 * 10 ** max(-exponent, 0))
    near = [1 / rate for rate in _RATES if abs(1 / rate - exact) <= half]
    return min(near, key=lambda one: abs(one - exact)) if near else exact
