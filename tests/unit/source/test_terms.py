"""Licences: which are known, which are wanted, which exclude each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.errors import RecipeErrors
from curator.source.discover import discover
from curator.source.terms import clashes, is_allowed, terms_of
from curator.spec.recipe import SourceSpec


@pytest.mark.parametrize(
    ("text", "name", "alike", "fixed", "unpaid"),
    [
        ("cc-by-4.0", "CC-BY-4.0", False, False, False),
        ("CC-BY-SA-3.0", "CC-BY-SA-3.0", True, False, False),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-4.0", True, False, True),
        ("CC-BY-NC-ND-2.5", "CC-BY-NC-ND-2.5", False, True, True),
        ("mit", "MIT", False, False, False),
        ("ODbL-1.0", "ODbL-1.0", True, False, False),
    ],
)
def test_known_licences(text: str, name: str, alike: bool, fixed: bool, unpaid: bool):
    found = terms_of(text)
    assert (found.name, found.known) == (name, True)
    assert (found.share_alike, found.no_derivatives, found.non_commercial) == (alike, fixed, unpaid)


def test_free_text_is_terms_of_its_own():
    assert not terms_of("studio agreement 12").known
    assert terms_of("All rights reserved").no_derivatives
    assert is_allowed("Studio Agreement 12", ["studio agreement 12"])
    assert not is_allowed(None, ["MIT"])


def test_what_goes_together_and_what_does_not():
    assert not clashes(["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "MIT", "studio"])
    assert set(clashes(["CC-BY-SA-4.0", "CC-BY-NC-SA-4.0", "MIT"])) == {
        "CC-BY-SA-4.0",
        "CC-BY-NC-SA-4.0",
    }
    assert set(clashes(["CC-BY-ND-4.0", "MIT"])) == {"CC-BY-ND-4.0"}


def films(folder: Path, licenses: dict[str, str]) -> dict[str, SourceSpec]:
    out = {}
    for name, license_text in licenses.items():
        (folder / f"{name}.mp4").write_bytes(b"x")
        out[name] = SourceSpec(url=str(folder / f"{name}.mp4"), license=license_text)
    return out


def test_a_video_under_another_licence_than_allowed_is_a_mistake(tmp_path: Path):
    sources = films(tmp_path, {"a": "CC-BY-4.0", "b": "MIT"})
    assert len(discover(sources, allow=["cc-by-4.0", "MIT"])) == 2
    with pytest.raises(RecipeErrors) as caught:
        discover(sources, allow=["CC-BY-4.0"])
    (error,) = caught.value.errors
    assert error.reason == "source-not-allowed"
    assert "b.mp4" in error.message


def test_licences_that_exclude_each_other_are_listed(tmp_path: Path):
    sources = films(tmp_path, {"a": "CC-BY-SA-4.0", "b": "CC-BY-NC-SA-4.0", "c": "MIT"})
    with pytest.raises(RecipeErrors) as caught:
        discover(sources)
    assert [error.reason for error in caught.value.errors] == ["source-rights-clash"] * 2
    assert len(discover(sources, require_license=False)) == 3
