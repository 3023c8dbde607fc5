"""Numbers as people read them, the same in the card and in the report."""

from __future__ import annotations

from curator.pack.schema import readable

__all__ = ["bounds", "clean", "duration", "number", "percent", "quantity", "timecode"]


_PLAIN_UNITS = frozenset({"ratio", "count", "", "1"})


def duration(seconds: float) -> str:
    """A length of footage.

    >>> duration(4.25), duration(354), duration(44_640)
    ('4.2 s', '5 min 54 s', '12.4 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    return f"{seconds / 3600:.1f} h"


def timecode(seconds: float) -> str:
    """An instant of a video.

    >>> timecode(62.5), timecode(3723.04)
    ('1:02.50', '1:02:03.04')
    """
    minutes, rest = divmod(round(seconds * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    front = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{front}:{rest / 100:05.2f}"


def number(value: float) -> str:
    """A value of a signal, three significant digits, no exponent where it can be helped.

    >>> number(0.12345), number(25.0), number(12345.6), number(0.0)
    ('0.123', '25', '12346', '0')
    """
    if value == 0:
        return "0"
    if 1000 <= abs(value) < 1e7:
        return f"{value:.0f}"
    return f"{value:.3g}"


def quantity(value: float, unit: str) -> str:
    """A value with its unit, where the unit says something.

    >>> quantity(0.5, "ratio"), quantity(12.0, "deg")
    ('0.5', '12 deg')
    """
    return number(value) if unit in _PLAIN_UNITS else f"{number(value)} {unit}"


def percent(share: float) -> str:
    """A share of a whole.

    >>> percent(0.1234), percent(0.004)
    ('12.3 %', '0.40 %')
    """
    return f"{share * 100:.2f} %" if 0 < share < 0.01 else f"{share * 100:.1f} %"


def bounds(lowest: float | None, highest: float | None, unit: str) -> str:
    """What passes a threshold.

    >>> bounds(0.5, None, "ratio"), bounds(-35, 35, "deg")
    ('at least 0.5', 'from -35 to 35 deg')
    """
    if lowest is not None and highest is not None:
        if lowest == highest:
            return f"exactly {quantity(lowest, unit)}"
        return f"from {number(lowest)} to {quantity(highest, unit)}"
    if lowest is not None:
        return f"at least {quantity(lowest, unit)}"
    if highest is not None:
        return f"at most {quantity(highest, unit)}"
    return "any value"


def clean(text: str | None) -> str:
    """Text without control characters and half code points; a dash for none."""
    if text is None:
        return "—"
    spelt = readable(text) or ""
    return "".join(char if char.isprintable() else "�" for char in spelt)
