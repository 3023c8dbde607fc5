"""Which part of the source a clip shows: a pure function of facts, as all else that is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from curator.align.crop import Following, followed, still
from curator.align.subject import Area, body_boxes, boxes, picture_area
from curator.media.probe import Probe
from curator.model.crop import CropPath
from curator.model.look import Fit
from curator.model.series import Series
from curator.model.span import Span
from curator.plan.logical import LogicalPlan, Node
from curator.spec.crops import BARS, is_boxed, look_of
from curator.spec.recipe import CropSpec, VideoSpec
from curator.store.key import digest

__all__ = ["CROP_VERSION", "NO_SUBJECT", "crop_document", "crop_path", "subject_of"]

CROP_VERSION = 1
"""Raise it when the same path would give other pictures."""
NO_SUBJECT = "crop:no-subject"
"""Why a clip is dropped in which nothing is seen of what the crop should follow."""
_MARGINS = {"face": 0.6, "upper_body": 0.1, "person": 0.1}
_MARGIN = 0.1


class _Known(Protocol):
    def series(self, node: Node) -> Mapping[str, Series]: ...


def crop_path(plan: LogicalPlan, span: Span, probe: Probe, known: _Known) -> CropPath | None:
    """A box for every frame of a clip; None when all of its pictures is shown, or there is no subject."""
    video = plan.recipe.sample.video
    if video is None or not is_boxed(video):
        return None
    facts, series = probe.info.video, _series(plan, known)
    bars = {side: series[f"bars.{side}"] for side in BARS if f"bars.{side}" in series}
    area = picture_area(bars, span, facts)
    if video.crop is None:
        return still(span, probe.table, _covered(area, video))
    subject = subject_of(plan, span, probe, known)
    if subject is None:
        return None
    return followed(subject, span, probe.table, area, _following(video.crop))


def subject_of(plan: LogicalPlan, span: Span, probe: Probe, known: _Known) -> Series | None:
    """Boxes of what the crop follows, as far as it was seen in `span`."""
    video = plan.recipe.sample.video
    if video is None or video.crop is None:
        return None
    series = _series(plan, known)
    if "keypoints" in series:
        return body_boxes(series["keypoints"], span, upper=video.crop.follow == "upper_body")
    return boxes(series, span, probe.info.video)


def crop_document(path: CropPath) -> dict[str, object]:
    """What of a crop goes into a sample's key."""
    boxes = [list(map(repr, row)) for row in path.values.tolist()]
    ticks = path.boxes.ticks.tolist()
    return {
        "version": CROP_VERSION,
        "path": digest({"ticks": ticks, "base": path.boxes.time_base, "boxes": boxes}),
    }


def _series(plan: LogicalPlan, known: _Known) -> dict[str, Series]:
    """What is known of each role."""
    out = {}
    for role, operand in plan.crop.items():
        found = known.series(plan.nodes[operand.measure]).get(operand.series or "")
        if found is not None:
            out[role] = found
    return out


def _following(crop: CropSpec) -> Following:
    margin = _MARGINS.get(crop.follow, _MARGIN) if crop.margin is None else crop.margin
    return Following(
        aspect=crop.aspect,
        margin=margin,
        slack=crop.slack,
        smooth_seconds=crop.smooth_seconds,
    )


def _covered(area: Area, video: VideoSpec) -> Area:
    """The part of an area that is shown where it must cover a size of other proportions."""
    look = look_of(video)
    if look is None or look.size is None or look.fit is not Fit.cover:
        return area
    across, down = area.size
    aspect = look.size[0] / look.size[1]
    if across > down * aspect:
        spare = (across - down * aspect) / 2
        return replace(area, left=area.left + spare, right=area.right - spare)
    spare = (down - across / aspect) / 2
    return replace(area, top=area.top + spare, bottom=area.bottom - spare)
