"""Series come back bit for bit, whatever their type, shape and length."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curator.model.series import Series
from curator.store.series import decode_series, encode_series, join_series

DTYPES = st.sampled_from(
    ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "S1", "S7", "S300"]
)
SHAPES = st.sampled_from([(), (1,), (2, 3), (0,), (3, 0)])
BASES = st.sampled_from([Fraction(1, 25), Fraction(1001, 30000), Fraction(1, 90000)])


@st.composite
def series(draw: st.DrawFn) -> Series:
    ticks = sorted(draw(st.sets(st.integers(0, 2**62), max_size=6)))
    return make(draw, ticks, draw(BASES))


@st.composite
def many_series(draw: st.DrawFn) -> dict[str, Series]:
    """Some on a grid that they share, some on their own."""
    ticks = sorted(draw(st.sets(st.integers(0, 10**6), max_size=6)))
    shared = {name: make(draw, ticks, Fraction(1, 25)) for name in draw(st.sets(st.text()))}
    return {**draw(st.dictionaries(st.text(), series(), max_size=3)), **shared}


def make(draw: st.DrawFn, ticks: list[int], base: Fraction) -> Series:
    values = draw(hnp.arrays(np.dtype(draw(DTYPES)), (len(ticks), *draw(SHAPES))))
    return Series(np.array(ticks, dtype=np.int64), base, values)


def at(values: npt.ArrayLike, start: int = 0) -> Series:
    array = np.asarray(values)
    return Series(np.arange(start, start + len(array)), Fraction(1, 25), array)


@given(many_series())
def test_series_come_back_bit_for_bit(given_series: dict[str, Series]) -> None:
    decoded = decode_series(encode_series(given_series))
    assert decoded == given_series
    assert list(decoded) == sorted(given_series)


@given(many_series())
def test_the_same_series_give_the_same_bytes_in_any_order(given_series: dict[str, Series]) -> None:
    backwards = dict(reversed(given_series.items()))
    assert encode_series(backwards) == encode_series(given_series)


@given(series(), st.data())
def test_runs_of_tiles_join_to_the_whole(whole: Series, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(whole)))
    runs = [
        decode_series(encode_series({"a": Series(part_t, whole.time_base, part_v)}))
        for part_t, part_v in (
            (whole.ticks[:cut], whole.values[:cut]),
            (whole.ticks[cut:], whole.values[cut:]),
        )
    ]
    assert join_series(runs) == {"a": whole}


def test_encoding_does_not_import_pandas() -> None:
    code = textwrap.dedent("""
        import sys
        from fractions import Fraction
        import numpy as np
        from curator.model.series import Series
        from curator.store.series import decode_series, encode_series

        values = (np.ones((3, 2), np.float16), np.array([b"a", b"bc", b""]), np.ones(3, bool))
        series = {
            str(n): Series(np.arange(3), Fraction(1, 25), one) for n, one in enumerate(values)
        }
        assert decode_series(encode_series(series)) == series
        sys.exit("pandas" in sys.modules)
    """)
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_no_series_are_no_bytes() -> None:
    assert encode_series({}) == b""
    assert decode_series(b"") == {}


def test_a_nan_keeps_its_bits() -> None:
    values = np.array([0x7FC00001, 0xFFC12345], dtype=np.uint32).view(np.float32)
    decoded = decode_series(encode_series({"a": at(values)}))["a"].values
    np.testing.assert_array_equal(decoded.view(np.uint32), values.view(np.uint32))


def test_pictures_of_different_sizes_waste_nothing() -> None:
    random = np.random.default_rng(1)
    pictures = np.array([random.bytes(20_000), *(random.bytes(100) for _ in range(99))])
    assert pictures.nbytes == 2_000_000
    assert len(encode_series({"jpeg": at(pictures)})) < 35_000


def test_what_compresses_is_compressed_and_noise_is_left_alone() -> None:
    assert len(encode_series({"a": at(np.zeros(10_000))})) < 1_000
    noise = np.random.default_rng(1).integers(0, 2**63, 10_000)
    assert len(encode_series({"a": at(noise)})) < noise.nbytes + 1_000


def test_what_is_decoded_cannot_be_changed_by_accident() -> None:
    decoded = decode_series(encode_series({"a": at([1.0, 2.0])}))["a"]
    for array in (decoded.ticks, decoded.values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3


def test_times_that_series_share_are_stored_once() -> None:
    ticks = np.sort(np.random.default_rng(1).integers(0, 2**62, 1000))
    flags = {f"s{n}": Series(ticks, Fraction(1, 90000), np.zeros(1000, bool)) for n in range(20)}
    assert len(encode_series(flags)) < 2 * ticks.nbytes


def test_a_run_may_lack_a_series() -> None:
    joined = join_series([{"a": at([1.0])}, {"a": at([2.0], 5), "b": at([3], 5)}])
    assert joined == {
        "a": Series(np.array([0, 5]), Fraction(1, 25), np.array([1.0, 2.0])),
        "b": at([3], 5),
    }


@pytest.mark.parametrize("values", [["text"], [1j], [object()]], ids=["text", "complex", "object"])
def test_other_types_are_refused(values: list[object]) -> None:
    with pytest.raises(TypeError, match="cannot be stored"):
        encode_series({"a": at(np.array(values))})


def test_bytes_that_are_no_series_are_refused() -> None:
    good = encode_series({"a": at([1.0])})
    for bad in (b"nonsense", good[:-20], good + b"more"):
        with pytest.raises(ValueError, match="not a stream"):
            decode_series(bad)
