"""HE-AAC, whose decoder gives twice the rate of what is coded: by the explicit signal of a container.

No encoder of it is at hand, so files are made by hand: AAC-LC of 24 kHz whose configuration says that spectral
band replication follows (ISO/IEC 14496-3, 1.6.5). The decoder then doubles the rate with its filter bank, and
is later by the 962 samples of that, which encoders count among their priming.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import pytest

from curator.media.probe import probe
from curator.testing.beeps import make_beeps
from tests.unit.media.test_avi import skews

_CORE_HZ = 24_000
_PRIMING, _FILTER_BANK = 1024, 481
"""Of the core's rate."""
_PLAIN, _DOUBLED = b"\x56\xe5\x00", b"\x56\xe5\x98"
"""The end of a configuration: no band replication; band replication to 48 kHz."""


def doubled(source: Path, target: Path, *, priming: int) -> None:
    """The same packets as HE-AAC with explicit, backward compatible signalling."""
    data = bytearray(source.read_bytes())
    at = data.find(_PLAIN)
    assert at > 0
    data[at : at + 3] = _DOUBLED
    edits = data.rfind(b"elst")  # sound comes after the pictures
    if edits > 0:
        (was,) = struct.unpack_from(">i", data, edits + 16)
        assert was == _PRIMING
        struct.pack_into(">i", data, edits + 16, priming)
    target.write_bytes(data)


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_priming_of_a_doubled_rate_is_left_out_to_the_sample(tmp_path: Path, suffix: str) -> None:
    plain, path = tmp_path / f"plain.{suffix}", tmp_path / f"a.{suffix}"
    make_beeps(plain, offset=Fraction(1, 4), seconds=8, audio_rate=_CORE_HZ)
    doubled(plain, path, priming=_PRIMING + _FILTER_BANK)
    assert probe(path).info.audio[0].sample_rate_hz == 2 * _CORE_HZ
    assert max(abs(skew - 0.25) for skew in skews(path)) < 0.0003


def test_what_an_encoder_did_not_count_is_not_guessed(tmp_path: Path) -> None:
    """An edit list that leaves out the core's priming alone leaves the filter bank's delay in the sound."""
    for suffix in ("mp4", "mkv"):
        plain, path = tmp_path / f"plain.{suffix}", tmp_path / f"a.{suffix}"
        make_beeps(plain, offset=Fraction(0), seconds=8, audio_rate=_CORE_HZ)
        doubled(plain, path, priming=_PRIMING)
        late = 962 / 48_000
        bound = 0.0011 if suffix == "mkv" else 0.0003
        assert max(abs(skew - late) for skew in skews(path)) < bound
