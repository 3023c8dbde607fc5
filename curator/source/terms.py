"""What licences allow, as far as a release of clips is concerned: which go together, and which never do."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["Terms", "clashes", "is_allowed", "terms_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The parts of a licence that decide whether clips may be released, and beside what."""

    name: str
    """SPDX identifier where the text is one, else the text."""
    share_alike: bool = False
    """What is made of it must be under the same licence."""
    no_derivatives: bool = False
    """Nothing may be made of it: a clip that was cut, scaled and encoded again is something made of it."""
    non_commercial: bool = False
    known: bool = True
    """Whether the text names a licence that this table knows."""


_PUBLIC = ("CC0-1.0", "PDDL-1.0", "Unlicense", "CC-PDDC", "0BSD")
_PERMISSIVE = (
    "MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "ODC-By-1.0",
    "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "Zlib",
)  # fmt: skip
_COPYLEFT = ("ODbL-1.0", "GPL-2.0-only", "GPL-3.0-only", "GFDL-1.3-only", "CDLA-Sharing-1.0")
_CREATIVE = re.compile(
    r"CC-BY(?P<nc>-NC)?(?P<end>-SA|-ND)?-(?P<version>[1-4]\.[05])(?P<port>-[A-Z]+)?"
)
_CLOSED = re.compile(r"all rights reserved|proprietary|no licen[cs]e", re.IGNORECASE)


def terms_of(license_text: str) -> Terms:
    """The terms behind an SPDX identifier (in any case), or free text as terms of its own."""
    text = license_text.strip()
    spelled = {name.upper(): name for name in (*_PUBLIC, *_PERMISSIVE, *_COPYLEFT)}
    if text.upper() in spelled:
        return Terms(name=spelled[text.upper()], share_alike=spelled[text.upper()] in _COPYLEFT)
    found = _CREATIVE.fullmatch(text.upper())
    if found is None:
        return Terms(name=text, known=False, no_derivatives=bool(_CLOSED.search(text)))
    return Terms(
        name=text.upper(),
        share_alike=found["end"] == "-SA",
        no_derivatives=found["end"] == "-ND",
        non_commercial=found["nc"] is not None,
    )


def is_allowed(license_text: str | None, allow: Collection[str]) -> bool:
    """Whether a licence is one of those that a recipe demands; names are compared without case."""
    if license_text is None:
        return False
    return terms_of(license_text).name.upper() in {one.strip().upper() for one in allow}


def clashes(licenses: Collection[str]) -> Mapping[str, str]:
    """Licence to why a release of clips cannot be made with it beside the others; empty when all go together.

    No licence that forbids adaptations can be released as clips. Of two that demand the same
    licence for what is made with them, and are not the same, each excludes the other.
    """
    terms = {text: terms_of(text) for text in licenses}
    out = {
        text: "it forbids adaptations, and clips are adaptations"
        for text, one in terms.items()
        if one.no_derivatives
    }
    alike = {one.name for one in terms.values() if one.share_alike}
    if len(alike) > 1:
        for text, one in terms.items():
            if one.share_alike:
                rest = ", ".join(sorted(alike - {one.name}))
                out[text] = f"what is made with it must be under {one.name}, which excludes {rest}"
    return out
