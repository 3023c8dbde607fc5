"""A key has one spelling for equal things, and none for things without one."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.store.key import canonical, differences, digest, plain

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
DOCUMENTS = st.dictionaries(
    st.text(),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


class Mode(enum.Enum):
    fast = 1
    slow = 2


class Level(enum.IntEnum):
    low = 1


@dataclass(frozen=True)
class Settings:
    fps: float = 4.0
    mode: Mode = Mode.fast
    later: int = field(default=0, metadata={"neutral": 0})


def test_the_canonical_text_is_what_it_has_always_been() -> None:
    # A change here orphans every store there is.
    value = {"b": [1, 2.5, None, True], "a": Fraction(30000, 1001), "é": Mode.slow, "s": {"y", "x"}}
    expected = r'{"a":"30000/1001","b":[1,2.5,null,true],"s":["x","y"],"\u00e9":"slow"}'
    assert canonical(value) == expected
    assert digest({"fps": 4.0}) == (
        "179bb7e727871fcd4fd42c2437fa36a02eee3119379de4a75b95d0ea2179b8a1"
    )


@given(DOCUMENTS)
def test_the_order_of_fields_never_matters(document: dict[str, object]) -> None:
    assert digest(document) == digest(dict(reversed(document.items())))


@given(DOCUMENTS)
def test_a_document_survives_its_text(document: dict[str, object]) -> None:
    text = canonical(document)
    assert text.isascii()
    assert canonical(json.loads(text)) == text


@given(DOCUMENTS, DOCUMENTS)
def test_documents_differ_exactly_when_their_keys_do(
    left: dict[str, object], right: dict[str, object]
) -> None:
    assert (differences(left, right) == []) == (digest(left) == digest(right))


def test_a_changed_field_names_itself() -> None:
    old = {"params": {"fps": 4.0, "gone": "x"}, "sizes": [1, 2], "weights": "a" * 64}
    new = {"params": {"fps": 8, "added": True}, "sizes": [1, 3], "weights": "b" * 64}
    assert differences(old, new) == [
        "params.added: (absent) -> true",
        "params.fps: 4.0 -> 8",
        'params.gone: "x" -> (absent)',
        "sizes[1]: 2 -> 3",
        "weights: aaaaaaaaaaaa -> bbbbbbbbbbbb",
    ]


def test_a_later_field_keeps_old_keys_while_it_is_neutral() -> None:
    assert canonical(Settings()) == '{"fps":4.0,"mode":"fast"}'
    assert canonical(Settings(later=1)) == '{"fps":4.0,"later":1,"mode":"fast"}'


def test_a_default_is_not_left_out() -> None:
    assert digest(Settings()) != digest({"mode": "fast"})


def test_minus_zero_is_zero_and_members_of_int_enums_are_names() -> None:
    assert canonical([-0.0, Level.low, np.float64(2)]) == '[0.0,"low",2.0]'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        plain({"a": [value]})


@pytest.mark.parametrize(
    "value",
    [Path("a"), b"a", object(), np.array([1]), np.int64(1), {1: 2}, Settings, len, iter([])],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_one_spelling_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical({"a": value})
