import pytest

from curator.cli.numbers import number_after
from curator.errors import UsageError


@pytest.mark.parametrize(
    "words", [["avatar", "--hours", "2.5", "x=1"], ["avatar", "--hours=2.5", "x=1"]]
)
def test_a_number_stands_behind_its_flag(words: list[str]) -> None:
    assert number_after(words, "--hours") == (2.5, ["avatar", "x=1"])


def test_without_the_flag_nothing_changes() -> None:
    assert number_after(["avatar"], "--hours") == (None, ["avatar"])


@pytest.mark.parametrize(
    "words", [["--hours"], ["--hours", "x"], ["--hours=0"], ["--hours", "inf"]]
)
def test_what_is_no_number_above_zero_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="number above 0"):
        number_after(words, "--hours")
