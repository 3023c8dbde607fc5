"""SMPTE timecode as seconds: how cameras and recorders that ran together name the same instant."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["timecode_seconds"]

_FORM = re.compile(r"(\d{1,2}):(\d\d):(\d\d)([:;.])(\d{2,3})")


def timecode_seconds(text: str, fps: Fraction) -> Fraction:
    """Real seconds from ``00:00:00:00`` to a timecode of a recording with `fps`.

    A timecode counts frames: ``01:00:00:00`` at 30000/1001 fps is 3603.6 s. Drop frame (``;`` or ``.``
    before the frames) leaves out numbers, not frames: 2 of 30 (4 of 60) at the start of each minute
    but every tenth, so ``01:00:00;00`` is 3599.9964 s. Source: SMPTE ST 12-1:2014, 5.2.

    Raises:
        ValueError: for text that is no timecode, or one that this rate does not have.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is no timecode: HH:MM:SS:FF, or HH:MM:SS;FF for drop frame")
    hours, minutes, seconds, frame = (int(found[i]) for i in (1, 2, 3, 5))
    per_second = round(fps)
    if frame >= per_second or seconds > 59 or minutes > 59:
        raise ValueError(f"'{text}' names no frame at {float(fps):g} fps")
    minute = 60 * hours + minutes
    number = (60 * minute + seconds) * per_second + frame
    if found[4] != ":":
        if per_second % 30:
            raise ValueError(f"'{text}' is drop frame, which {float(fps):g} fps does not have")
        left_out = per_second // 15
        if frame < left_out and not seconds and minutes % 10:
            raise ValueError(f"'{text}' is one of the numbers that drop frame leaves out")
        number -= left_out * (minute - minute // 10)
    return number / fps
