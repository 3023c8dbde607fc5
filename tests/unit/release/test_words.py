from __future__ import annotations

import doctest

from curator.release import words


def test_the_examples_hold() -> None:
    result = doctest.testmod(words)
    assert result.attempted >= 6
    assert result.failed == 0


def test_minutes_never_show_sixty_seconds() -> None:
    assert words.duration(119.7) == "2 min 00 s"
    assert words.timecode(59.999) == "1:00.00"


def test_control_characters_and_half_code_points_are_spelt_out() -> None:
    assert words.clean("a\x00b\n\udcff") == "a�b�\\udcff"
    assert words.clean(None) == "—"
