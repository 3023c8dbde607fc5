from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import UsageError
from curator.hub.changes import changes
from curator.hub.version import Level, Version, next_version

versions = st.builds(Version, *[st.integers(0, 20)] * 3)
real = st.sampled_from([Level.patch, Level.minor, Level.major])


def test_what_is_no_version_is_none():
    assert Version.parse("v1.2.3") == Version.parse("1.2.3") == Version(1, 2, 3)
    assert Version(1, 2, 3).tag == "v1.2.3"
    assert [Version.parse(text) for text in ("v3.0", "main", "1.2.3-rc1", "")] == [None] * 4


@given(st.sets(versions, min_size=1), real)
def test_the_next_version_is_above_all_others(taken: set[Version], level: Level):
    found = next_version(taken, level, None)
    assert found > max(taken)
    assert found == max(taken).raised(level)


@given(st.sets(versions, min_size=1), real, real)
def test_a_word_raises_and_never_lowers(taken: set[Version], level: Level, asked: Level):
    if asked < level:
        with pytest.raises(UsageError):
            next_version(taken, level, asked.name)
    else:
        assert next_version(taken, level, asked.name) == max(taken).raised(asked)


@given(st.sets(versions, min_size=1), real, versions)
def test_a_number_raises_and_never_lowers(taken: set[Version], level: Level, asked: Version):
    if asked < max(taken).raised(level):
        with pytest.raises(UsageError):
            next_version(taken, level, str(asked))
    else:
        assert next_version(taken, level, asked.tag) == asked


def test_the_first_version_is_one():
    assert next_version([], Level.major, None) == Version(1, 0, 0)
    assert next_version([], Level.major, "minor") == Version(1, 0, 0)
    assert next_version([], Level.major, "2.0.0") == Version(2, 0, 0)


SAMPLE = {"key": "k", "split": "train", "shard": "s", "fingerprint": "f", "start": "0", "end": "1"}
MANIFEST: dict[str, Any] = {"name": "r", "files": {"a": 1}, "samples": {"x": SAMPLE, "y": SAMPLE}}
FACE = {"op": "face", "version": 1, "params": {"fps": 4.0}, "weights": {"net": "a" * 64}}
SURFACE: dict[str, Any] = {
    "columns": {"id": "string", "face.count": "double"},
    "signals": {"face": FACE},
    "rules": {"keep.sharp.min": 0.5},
}


def level_of(manifest: dict[str, Any] | None = None, **surface: Any) -> tuple[Level, list[str]]:
    found = changes(
        MANIFEST,
        MANIFEST | (manifest or {}),
        old_surface=SURFACE,
        new_surface=SURFACE | surface,
    )
    return found.level, [one.text for one in found.reasons]


@pytest.mark.parametrize(
    ("manifest", "surface", "level", "words"),
    [
        ({"samples": {"x": SAMPLE}}, {}, Level.major, "1 sample removed"),
        ({"samples": {"x": SAMPLE, "y": SAMPLE, "z": SAMPLE}}, {}, Level.minor, "1 sample added"),
        (
            {"samples": {"x": SAMPLE, "y": SAMPLE | {"key": "other"}}},
            {},
            Level.major,
            "another way",
        ),
        ({"samples": {"x": SAMPLE, "y": SAMPLE | {"split": "test"}}}, {}, Level.major, "split"),
        ({"samples": {"x": SAMPLE, "y": SAMPLE | {"shard": "t"}}}, {}, Level.patch, "the same"),
        ({}, {"columns": {"id": "string"}}, Level.major, "removed: face.count"),
        ({}, {"columns": SURFACE["columns"] | {"new": "int32"}}, Level.major, "added: new"),
        ({}, {"columns": {"id": "string", "face.count": "float"}}, Level.major, "double -> float"),
        ({}, {"signals": {"face": FACE | {"version": 2}}}, Level.major, "version: 1 -> 2"),
        ({}, {"signals": {"face": FACE | {"params": {"fps": 8.0}}}}, Level.major, "params.fps"),
        ({}, {"signals": {"face": FACE | {"weights": {"net": "b" * 64}}}}, Level.major, "weights"),
        ({}, {"signals": {"face": FACE, "luma": FACE}}, Level.patch, "the same"),
        ({}, {"rules": {"keep.sharp.min": 0.4}}, Level.minor, "keep.sharp.min: 0.5 -> 0.4"),
        ({}, {"rules": {}}, Level.minor, "keep.sharp.min: 0.5 -> (none)"),
        ({"files": {"a": 2}}, {}, Level.patch, "other files: a"),
        ({"name": "other"}, {}, Level.major, "recipe 'r' became 'other'"),
    ],
)
def test_each_change_asks_for_its_number(
    manifest: dict[str, Any], surface: dict[str, Any], level: Level, words: str
):
    found, texts = level_of(manifest, **surface)
    assert found is level
    assert any(words in text for text in texts), texts


def test_the_gravest_of_several_counts_and_is_told_first():
    found, texts = level_of({"samples": {"z": SAMPLE}}, rules={"keep.sharp.min": 0.4})
    assert found is Level.major
    assert [text.split()[0] for text in texts] == ["2", "1", "rule"]
