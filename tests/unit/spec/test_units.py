from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.spec.units import NotANumberError, WrongUnitError, parse_quantity, unit_of_name


@pytest.mark.parametrize(
    ("written", "unit", "value"),
    [
        ("3s", "s", 3.0),
        ("200ms", "s", 0.2),
        ("1.5 min", "s", 90.0),
        ("720px", "px", 720.0),
        ("720p", "px", 720.0),
        ("25fps", "fps", 25.0),
        ("16kHz", "Hz", 16000.0),
        ("44.1kHz", "Hz", 44100.0),
        ("2%", "ratio", 0.02),
        ("35%", "share", 0.35),
        ("-23LUFS", "LUFS", -23.0),
        ("-23dB", "LUFS", -23.0),
        ("-1e-3", "ratio", -0.001),
        ("35deg", "deg", 35.0),
        ("35°", "deg", 35.0),
        ("2GiB", "MiB", 2048.0),
        ("4 luma^2", "luma^2", 4.0),
        ("5", "anything", 5.0),
        (0.25, "ratio", 0.25),
        (3, "s", 3),
    ],
)
def test_a_quantity_is_read_in_the_declared_unit(
    written: str | float, unit: str, value: float
) -> None:
    assert parse_quantity(written, unit) == value


@pytest.mark.parametrize(
    ("written", "unit"),
    [("3s", "px"), ("3px", "s"), ("2%", "px"), ("16kHz", "fps"), ("3s", ""), ("3 apples", "s")],
)
def test_a_unit_of_another_kind_is_refused_and_both_are_named(written: str, unit: str) -> None:
    with pytest.raises(WrongUnitError) as caught:
        parse_quantity(written, unit)
    assert caught.value.declared == unit
    assert caught.value.written in written


@pytest.mark.parametrize("text", ["", "s", "abc", "--3", "min", "e5"])
def test_text_without_a_number_is_no_quantity(text: str) -> None:
    with pytest.raises(NotANumberError):
        parse_quantity(text, "s")


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_written_number_means_itself(number: float) -> None:
    assert parse_quantity(repr(number), "s") == number
    assert math.isclose(parse_quantity(f"{number!r}s", "s"), number, rel_tol=1e-11)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("forgive_seconds", "s"),
        ("max_side_px", "px"),
        ("fps", "fps"),
        ("yaw_deg", "deg"),
        ("crf", ""),
    ],
)
def test_a_name_says_its_unit(name: str, unit: str) -> None:
    assert unit_of_name(name) == unit
