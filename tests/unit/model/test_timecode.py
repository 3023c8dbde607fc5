from __future__ import annotations

from fractions import Fraction

import pytest

from curator.model.timecode import timecode_seconds

NTSC, NTSC_60 = Fraction(30000, 1001), Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("text", "fps", "seconds"),
    [
        ("00:00:00:00", Fraction(25), 0),
        ("10:00:01:12", Fraction(25), Fraction(36001) + Fraction(12, 25)),
        ("01:00:00:00", NTSC, Fraction("3603.6")),
        ("01:00:00;00", NTSC, Fraction("3599.9964")),
        ("01:00:00;00", NTSC_60, Fraction("3599.9964")),
        ("00:01:00;02", NTSC, 1800 / NTSC),
        ("00:10:00.00", NTSC, 17982 / NTSC),
    ],
)
def test_a_timecode_counts_frames(text: str, fps: Fraction, seconds: Fraction) -> None:
    assert timecode_seconds(text, fps) == seconds


def test_drop_frame_numbers_follow_each_other_without_a_gap() -> None:
    """00:00:59;29 is followed by 00:01:00;02."""
    step = timecode_seconds("00:01:00;02", NTSC) - timecode_seconds("00:00:59;29", NTSC)
    assert step == 1 / NTSC


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("noon", 25),
        ("00:00:00:25", 25),
        ("00:61:00:00", 25),
        ("00:01:00;01", 30),
        ("00:00:00;00", 25),
    ],
)
def test_what_names_no_frame_is_refused(text: str, fps: int) -> None:
    with pytest.raises(ValueError, match=text):
        timecode_seconds(text, Fraction(fps))
