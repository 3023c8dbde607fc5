"""The dataset card: what the release is for, how it came about, whose it is and how to load it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from curator.pack.layout import Layout
from curator.pack.layouts import PARQUET
from curator.release import words
from curator.release.content import ReleaseContent
from curator.release.facts import Facts, SignalLine, facts
from curator.release.spark import spark
from curator.spec.recipe import Clips

__all__ = ["card", "configs", "front_matter"]

_HUB_LICENSES = """afl-3.0 apache-2.0 artistic-2.0 bsd bsd-2-clause bsd-3-clause bsl-1.0 c-uda cc cc0-1.0
cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
cc-by-nc-sa-4.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 epl-1.0
epl-2.0 etalab-2.0 eupl-1.1 gfdl gpl gpl-2.0 gpl-3.0 agpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0 mit
mpl-2.0 odbl odc-by ofl-1.1 osl-3.0 pddl unlicense wtfpl zlib"""
"""What the Hub takes in ``license``; it refuses a card with any other word."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_TASKS = {
    "avatar": "image-to-video",
    "broll": "text-to-video",
    "motion": "text-to-video",
    "robotics": "robotics",
}
_USES = {
    "avatar": "models of talking heads: avatars, dubbing, lip sync",
    "broll": "models that make video from text or pictures",
    "motion": "models of human motion, and video models that should move well",
    "robotics": "world models and imitation learning: manipulation seen by a still camera",
}
_METRICS = ("metrics", "shots")
"""Tables of a release that load as configurations of their own."""


def card(
    content: ReleaseContent,
    *,
    version: str,
    digest: str,
    info: Mapping[str, Any] | None = None,
    contact: str | None = None,
    layout: Layout = PARQUET,
) -> str:
    """``README.md``: YAML front matter that the Hub and `datasets` read, then Markdown.

    Args:
        content: The release.
        version: What it is called.
        digest: Of its content.
        info: ``dataset_info`` of the metadata.
        contact: Path of the contact sheet inside the release, when there is one.
        layout: How its media lie.
    """
    totals = facts(content)
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, not HTML; every text of the user goes through `cell`
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": _cell,
        "duration": words.duration,
        "number": words.number,
        "percent": words.percent,
        "bars": _bars,
        "bars_kept": _bars_kept,
    }
    template = files("curator.release").joinpath("card.md.j2").read_text(encoding="utf-8")
    body = environment.from_string(template).render(
        recipe=content.recipe,
        tracks=content.tracks,
        facts=totals,
        funnel=content.funnel,
        thresholds=_thresholds(content),
        sync_bounds=content.recipe.align,
        uses=_USES.get(content.recipe.target),
        contact=contact,
        layout=content.recipe.pack.layout.name,
        virtual=content.recipe.pack.clips is Clips.virtual,
        version=version,
        digest=digest,
        curator=_curator_version(content.lock),
    )
    matter = yaml.safe_dump(
        front_matter(content, totals, info, layout), sort_keys=False, allow_unicode=True, width=1000
    )
    return f"---\n{matter}---\n{body}\n"


def front_matter(
    content: ReleaseContent,
    totals: Facts,
    info: Mapping[str, Any] | None = None,
    layout: Layout = PARQUET,
) -> dict[str, Any]:
    """The card's metadata; splits are matched to files by name."""
    splits = [line.name for line in totals.splits] or ["train"]
    task = _TASKS.get(content.recipe.target)
    return {
        **_licenses([line.rights.license for line in totals.rights]),
        "pretty_name": words.clean(content.recipe.name),
        "tags": ["video", "curator", _tag(content.recipe.target)],
        **({"task_categories": [task]} if task else {}),
        "size_categories": [_size(totals.clips_kept)],
        "annotations_creators": ["machine-generated"],
        "configs": configs(splits, layout),
        **({"dataset_info": [dict(info)]} if info else {}),
    }


def configs(splits: Sequence[str], layout: Layout) -> list[dict[str, Any]]:
    """What `datasets` finds where: samples by split, and tables of the whole release."""
    data = [{"split": name, "path": layout.data_files(name)} for name in splits]
    # `datasets` reads all configurations of a repository with one reader: that of the first.
    tables = _METRICS if layout.tables else ()
    return [
        {"config_name": "default", "default": True, "data_files": data},
        *({"config_name": one, "data_files": f"{one}.parquet"} for one in tables),
    ]


def _licenses(terms: Sequence[str | None]) -> dict[str, Any]:
    named = sorted({term.strip().lower() for term in terms if term})
    if not named or any(term is None for term in terms):
        return {"license": "unknown"}
    if set(named) <= set(_HUB_LICENSES.split()):
        return {"license": named[0] if len(named) == 1 else named}
    name = _tag(named[0]) if len(named) == 1 else "several"
    return {"license": "other", "license_name": name, "license_link": "README.md"}


def _tag(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:60] or "other"


def _size(samples: int) -> str:
    return next((name for limit, name in _SIZES if samples < limit), "n>1M")


def _thresholds(content: ReleaseContent) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "signal": info.name,
            "bound": words.bounds(*bound, info.unit),
            "about": info.about,
            "reason": _reason(content.reasons, name),
        }
        for info in sorted(content.signals.values(), key=lambda one: one.name)
        for name, bound in sorted(info.thresholds.items())
    ]


def _reason(reasons: Mapping[str, str], name: str) -> str:
    """By the condition's name, with or without its section."""
    found = (reasons.get(one) for one in (name, f"keep.{name}", f"where.{name}"))
    return next((text for text in found if text), "")


def _bars(line: SignalLine) -> str:
    bounds = [end for pair in line.info.thresholds.values() for end in pair if end is not None]
    return spark(line.counts, bounds, low=line.low, high=line.high)


def _bars_kept(line: SignalLine) -> str:
    return spark(line.counts_kept, low=line.low, high=line.high)


def _curator_version(lock: Mapping[str, Any]) -> str | None:
    versions = lock.get("versions", {})
    for name in ("curator-build", "curator"):
        if name in versions:
            return str(versions[name])
    return None


def _cell(text: str | None) -> str:
    """Text of a user inside Markdown: it cannot begin markup, leave its table cell or be HTML."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~$])", r"\\\1", words.clean(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
