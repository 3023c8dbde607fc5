"""DOVER and DOVER-Mobile as measures: raw scores for each tile, fused scores for each clip."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from curator.abc.measure import ClipSeries, FrameBlock, FrameNeed, Need, Tile, View, Weight
from curator.errors import MeasureError
from curator.model.series import Series
from curator.model.signal import SeriesSpec, Signal, SignalSpec
from curator_dover.fusion import Reference, calibrated, official
from curator_dover.layout import Model
from curator_dover.sampling import CLIP_FRAMES, SMALLEST_PX, fragments, whole

if TYPE_CHECKING:
    from curator_dover.network import Network

__all__ = ["Dover", "DoverMobile"]

_LOG = logging.getLogger(__name__)
_WEIGHTS = "checkpoint"
_MIN_FRAMES = 8
_ADDRESS: Mapping[str, object] = {"key": False}  # the digest of the weights is in the key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What both measures share: settings and all that follows from them."""

    extra: ClassVar[str | None] = "dover"
    model: ClassVar[Model]
    name: ClassVar[str]

    weights_from: str = field(default="", metadata=_ADDRESS)
    """Address of the published checkpoint (`file:///...`, `hf://owner/name@revision/file`, `https://...`). It is never fetched unasked: without an address the measure cannot run."""
    sha256: str = field(default="", metadata=_ADDRESS)
    """Digest of the checkpoint, 64 lower-case hex digits."""
    license: str = field(default="LicenseRef-S-Lab-1.0", metadata=_ADDRESS)
    """Licence of the checkpoint that you chose, as it will be recorded: non-commercial since August 2024 (S-Lab 1.0), MIT for copies published under it."""
    reference: Reference = Reference.lsvq_test
    """Set of videos whose scores are 'usual' for `score_calibrated`."""
    fps: float = 12.5
    """Frames taken per second: every second one of 25, as published."""
    max_side_px: int = 1920
    """Larger pictures are made smaller first; fragments are then no longer native pixels."""
    seed: int = 0
    """Of the random places and times that are looked at."""

    @property
    def needs(self) -> Mapping[str, Need]:
        fps = Fraction(str(self.fps))
        return {"rgb": FrameNeed(view=View.rgb, fps=fps, max_side_px=self.max_side_px)}

    @property
    def weights(self) -> tuple[Weight, ...]:
        if not self.weights_from:
            return ()
        source = "Wu et al., DOVER, ICCV 2023, https://github.com/VQAssessment/DOVER"
        return (
            Weight(
                name=_WEIGHTS,
                url=self.weights_from,
                sha256=self.sha256,
                license=self.license,
                source=source,
            ),
        )

    def start(self, weights: Mapping[str, Path]) -> _Running:
        if _WEIGHTS not in weights:
            raise MeasureError(
                f"the measure '{self.name}' needs a published checkpoint, and comes without one",
                reason="weights-missing",
                hint=f"set `measure.{self.name}.weights_from` and `.sha256`; the README of curator_dover says where they are published and under which licence",
            )
        from curator_dover.checkpoint import load
        from curator_dover.network import Network

        network = Network(self.model, load(weights[_WEIGHTS], self.model))
        return _Running(network, self.seed, _notice_of(self.name, self.license))

    def summarise(self, clip: ClipSeries) -> Mapping[str, Signal]:
        raw = [_mean(clip.series.get(name)) for name in ("technical_raw", "aesthetic_raw")]
        if raw[0] is None or raw[1] is None:
            absent = Signal(None, absent="not-scored")
            return {"score_official": absent, "score_calibrated": absent}
        return {
            "score_official": Signal(official(raw[0], raw[1])),
            "score_calibrated": Signal(calibrated(raw[0], raw[1], self.reference)),
        }


def _series(model: str) -> tuple[SeriesSpec, ...]:
    unit = f"{model} raw"
    return (
        SeriesSpec(name="technical_raw", unit=unit, about="distortions; more is better; unbounded"),
        SeriesSpec(name="aesthetic_raw", unit=unit, about="appeal; more is better; unbounded"),
    )


def _signals(model: str) -> tuple[SignalSpec, ...]:
    return (
        SignalSpec(
            name="score_official",
            unit="ratio",
            about=f"{model}, fused as published; more is better; compare with published numbers only",
        ),
        SignalSpec(
            name="score_calibrated",
            unit="ratio",
            about=f"{model}, fused with each branch on its own scale; more is better; 0.5 is usual",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dover(_Settings):
    """Quality as people judge it, by DOVER: a technical and an aesthetic score for each 4 s.

    Each tile of 4 s is looked at twice. The technical network sees 32 frames in a row as 7 x 7
    native fragments of 32 px, and judges blur, noise, blocks, exposure and stutter; the aesthetic
    network sees 32 frames from all over the tile, small and whole, and judges content and
    composition. Raw scores are repeated for all frames of the tile, so means over a clip weigh tiles by time.
    Raw and fused scores are different series and signals, and those of the mobile network another
    measure, so a threshold cannot be used for what it was not made for. The published protocol
    samples whole videos instead (`curator_dover.video.score_video`): three technical clips and one
    aesthetic one, whatever the length; scores of long videos agree on average only.
    No value for the last tile when it has less than 8 frames, nor below 32 px.
    Typical: `technical_raw` -0.10 +- 0.04 and `aesthetic_raw` 0.07 +- 0.09 for web videos (LSVQ);
    `score_calibrated` 0.5 usual, above 0.73 one standard deviation better, below 0.27 worse.
    What fools it: trained on opinions about short web videos, so film grain, animation, screens and
    robots in bare rooms are judged by an audience that saw few of them; tiles across a cut mix two
    shots; pictures above `max_side_px` are made smaller before they are judged.
    Source: Wu et al., "Exploring video quality assessment on user generated contents from
    aesthetic and technical perspectives", ICCV 2023. Own code; weights under the licence of the
    checkpoint that you choose (S-Lab 1.0, non-commercial, where it is published today).
    """

    name: ClassVar[str] = "dover"
    version: ClassVar[int] = 1
    cost: ClassVar[float] = 2.2
    model: ClassVar[Model] = Model.dover
    series: ClassVar[tuple[SeriesSpec, ...]] = _series("DOVER")
    signals: ClassVar[tuple[SignalSpec, ...]] = _signals("DOVER")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoverMobile(_Settings):
    """Quality as people judge it, by DOVER-Mobile: as `dover`, with networks a fifth of the size.

    Frames, fragments and fusion are those of `dover`. Its raw scores are on a scale of their own;
    the reference sets were published for DOVER, so `score_calibrated` ranks well but its 0.5 is
    not exactly usual here.
    Typical: as `dover`, with the same order (correlation with people 0.85 against 0.88 on KoNViD-1k).
    What fools it: as `dover`, and small distortions more often.
    Source: Wu et al., ICCV 2023, and the published DOVER-Mobile (ConvNeXt V2 femto for both
    branches). Own code; weights under the licence of the checkpoint that you choose.
    """

    name: ClassVar[str] = "dover_mobile"
    version: ClassVar[int] = 1
    cost: ClassVar[float] = 0.5
    model: ClassVar[Model] = Model.mobile
    series: ClassVar[tuple[SeriesSpec, ...]] = _series("DOVER-Mobile")
    signals: ClassVar[tuple[SignalSpec, ...]] = _signals("DOVER-Mobile")


class _Running:
    def __init__(self, network: Network, seed: int, notice: str) -> None:
        self._network = network
        self._seed = seed
        self._notice = notice

    def tile(self, tile: Tile) -> Mapping[str, Series]:
        _say_once(self._notice)  # not while the model is loaded: the engine hushes greetings there
        block = tile.frames["rgb"]
        technical, aesthetic = self._scores(block, tile.index)
        count = block.own.stop - block.own.start
        return {
            "technical_raw": block.series(np.full(count, technical, np.float32)),
            "aesthetic_raw": block.series(np.full(count, aesthetic, np.float32)),
        }

    def _scores(self, block: FrameBlock, index: int) -> tuple[float, float]:
        """Raw scores of one tile; NaN when there is too little to see."""
        frames = block.pixels[block.own]
        if len(frames) < _MIN_FRAMES or min(frames.shape[1:3]) < SMALLEST_PX:
            return float("nan"), float("nan")
        # The tile's own seed: what else was measured before must not matter.
        rng = np.random.default_rng([self._seed, index])
        technical = self._network.technical(fragments(frames[_in_a_row(len(frames), rng)], rng))
        aesthetic = self._network.aesthetic(whole(frames[_all_over(len(frames), rng)]))
        return technical, aesthetic


def _in_a_row(count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """32 frames one after the other; of fewer than 32, again from the first, as published."""
    start = int(rng.integers(0, max(1, count - CLIP_FRAMES + 1)))
    return (start + np.arange(CLIP_FRAMES)) % count


def _all_over(count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """One frame of each of 32 equal parts."""
    parts = (np.arange(CLIP_FRAMES) + rng.random(CLIP_FRAMES)) / CLIP_FRAMES
    return (parts * count).astype(np.int64)


def _mean(series: Series | None) -> float | None:
    if series is None or not np.isfinite(series.values.astype(np.float64)).any():
        return None
    return float(np.nanmean(series.values.astype(np.float64)))


def _notice_of(name: str, terms: str) -> str:
    return (
        f"{name}: the weights of DOVER (Wu et al., S-Lab, NTU) are used under {terms}. The published"
        " repository allows non-commercial use only since 2024-08-12; see that your use is allowed."
    )


@cache
def _say_once(notice: str) -> None:
    """Log it, once in a process."""
    _LOG.warning("%s", notice)
