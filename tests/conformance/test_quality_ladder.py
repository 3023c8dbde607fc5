"""The cheap measures on real footage with known defects: each defect shows in its own measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from curator.abc.measure import AudioBlock, ClipSeries, FrameBlock, Measure, Need, Tile
from curator.measure.banding import Banding
from curator.measure.bars import Bars
from curator.measure.blockiness import Blockiness
from curator.measure.combing import Combing
from curator.measure.exposure import Exposure
from curator.measure.flicker import Flicker
from curator.measure.freeze import Freeze
from curator.measure.loudness import Loudness
from curator.measure.motion import Motion
from curator.measure.noise import Noise
from curator.measure.recut import Recut
from curator.measure.sharpness import Sharpness
from curator.measure.technical import Technical
from curator.measure.upscale import Upscale
from curator.media.decode import DecodedTile, DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.signal import Support
from curator.model.span import Span
from curator.model.tile import Tiles
from curator.model.video import VideoInfo
from curator.testing.tiles import join
from tests.footage import shared

_MEASURES: tuple[Measure, ...] = (
    Banding(), Bars(), Blockiness(), Combing(), Exposure(), Flicker(), Freeze(), Loudness(), Motion(), Noise(),
    Recut(), Sharpness(), Technical(), Upscale(),
)  # fmt: skip
_TALKING = (
    "avatar/talk_f_01_hdtf.mp4",
    "avatar/talk_f_01b.mp4",
    "avatar/talk_f_03_portrait_hevc.mp4",
    "avatar/talk_m_02.mp4",
    "avatar/talk_m_04_portrait_hevc.mp4",
)


def _value(name: str, file: str) -> float:
    """``measure.signal``, or ``measure.series`` for its median, over the first 8 s of a fixture."""
    facts = _facts(shared(f"fixtures/{file}"))
    assert name in facts, f"no {name} in {sorted(facts)}"
    return facts[name]


def _ladder(name: str, files: Sequence[str]) -> list[float]:
    return [_value(name, f"quality/q_{file}.mp4") for file in files]


@cache
def _facts(path: Path) -> Mapping[str, float]:
    found = probe(path)
    needs = tuple({need for measure in _MEASURES for need in measure.needs.values()})
    tiles = Tiles.all(min(2, int(found.info.num_tiles)))
    decoded = list(read_tiles(path, found, needs, tiles, stats=DecodeStats()))
    facts: dict[str, float] = {}
    for measure in _MEASURES:
        facts.update(_measure(measure, found.info, decoded))
    return facts


def _measure(measure: Measure, info: VideoInfo, decoded: list[DecodedTile]) -> dict[str, float]:
    running = measure.start({})
    series = join([running.tile(_tile(measure.needs, info, one)) for one in decoded])
    clip = Span(Fraction(0), decoded[-1].span.end)
    pairs = {spec.name for spec in measure.series if spec.support is Support.pair}
    inside = {k: one.within(clip, skip_first=k in pairs) for k, one in series.items()}
    signals = measure.summarise(ClipSeries(clip, info, inside))
    facts = {
        f"{measure.name}.{name}": float(one.value)
        for name, one in signals.items()
        if one.value is not None
    }
    for name, one in inside.items():
        if np.isfinite(one.values).any():
            facts[f"{measure.name}.{name}"] = float(np.nanmedian(one.values))
            facts[f"{measure.name}.{name}.max"] = float(np.nanmax(one.values))
    return facts


def _tile(needs: Mapping[str, Need], info: VideoInfo, one: DecodedTile) -> Tile:
    blocks = {name: one.blocks[need] for name, need in needs.items() if need in one.blocks}
    frames = {name: block for name, block in blocks.items() if isinstance(block, FrameBlock)}
    audio = {name: block for name, block in blocks.items() if isinstance(block, AudioBlock)}
    return Tile(one.index, one.span, info, frames, audio)


@pytest.mark.parametrize(
    "ladder",
    [
        ("ref", "blur1", "blur2", "blur4", "blur8"),
        ("ref", "crf32", "crf40", "crf50"),
        ("ref", "noise"),
        ("ref", "upscaled_from_90p"),
        ("ref", "dark"),
        ("ref", "overexposed"),
    ],
    ids=lambda ladder: ladder[-1],
)
def test_technical_quality_falls_with_every_step(ladder: tuple[str, ...]) -> None:
    scores = _ladder("technical.score", ladder)
    assert all(worse < better - 0.04 for better, worse in pairwise(scores)), scores
    assert scores[0] > 0.8


def test_technical_quality_tells_a_pristine_clip_from_its_compressed_copy() -> None:
    pristine, distorted = (
        _value("technical.score", f"quality/carphone_{kind}.mp4")
        for kind in ("pristine", "distorted")
    )
    assert pristine > distorted + 0.2


def test_technical_quality_leaves_colour_and_time_to_others() -> None:
    scores = _ladder("technical.score", ["ref", "gray", "flicker_3hz", "judder_10in30", "shaky"])
    assert min(scores) > 0.8


@pytest.mark.parametrize(
    ("signal", "file"),
    [
        ("flicker.amplitude", "flicker_3hz"),
        ("motion.camera_shake", "shaky"),
        ("freeze.share", "judder_10in30"),
        ("freeze.still_share", "frozen"),
        ("freeze.still_share", "frozen_grain"),
    ],
)
def test_what_a_single_picture_cannot_tell_has_a_signal_of_its_own(signal: str, file: str) -> None:
    planted, reference = _ladder(signal, [file, "ref"])
    assert planted > reference + 0.5


def test_an_enlarged_picture_shows_its_true_height() -> None:
    assert _value("upscale.height_px", "quality/q_upscaled_from_90p.mp4") < 170
    assert _value("upscale.height_px", "quality/q_ref.mp4") > 320


def test_interlaced_footage_is_combed_and_other_footage_is_not() -> None:
    assert _value("combing.share.max", "formats/v_interlaced_tff_576i.mpg") > 0.002
    assert max(_ladder("combing.share.max", ["ref", "noise", "shaky", "overlay_text"])) == 0


def test_grain_hides_bands() -> None:
    plain, grainy = _ladder("banding.share", ["frozen", "frozen_grain"])
    assert plain > 5 * grainy


def test_sharpness_falls_with_every_step_of_blur() -> None:
    scores = _ladder("sharpness.score", ["ref", "blur1", "blur2", "blur4", "blur8"])
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.6
    assert max(scores[3:]) < 0.3


def test_an_enlarged_picture_is_not_sharp() -> None:
    assert _value("sharpness.score", "quality/q_upscaled_from_90p.mp4") < 0.35


def test_noise_darkness_and_shaking_do_not_change_the_sharpness_much() -> None:
    scores = _ladder("sharpness.score", ["noise", "dark", "overexposed", "flicker_3hz", "gray"])
    assert min(scores) > 0.6


def test_blockiness_rises_with_compression() -> None:
    scores = _ladder("blockiness.score", ["ref", "crf32", "crf40", "crf50"])
    assert scores == sorted(scores)
    assert scores[0] < 0.03
    assert scores[-1] > 0.15


def test_noise_shows_in_its_measure() -> None:
    reference, noisy, grainy = _ladder("noise.sigma", ["ref", "noise", "frozen_grain"])
    assert min(noisy, grainy) > 5 * max(reference, 0.1)


def test_wrong_exposure_is_seen() -> None:
    assert _value("exposure.dark", "quality/q_dark.mp4") > 0.3
    assert _value("exposure.bright", "quality/q_overexposed.mp4") > 0.3
    assert _value("exposure.worst", "quality/q_ref.mp4") < 0.02


def test_frozen_pictures_are_found_through_grain() -> None:
    frozen, grainy, moving = _ladder("freeze.still_share", ["frozen", "frozen_grain", "ref"])
    assert min(frozen, grainy) > 0.95
    assert moving == 0


def test_padded_frame_rates_are_found() -> None:
    assert _value("freeze.effective_fps", "quality/q_judder_10in30.mp4") == pytest.approx(10, abs=1)
    assert _value("freeze.effective_fps", "quality/q_ref.mp4") > 28


def test_flicker_is_found() -> None:
    assert _value("flicker.amplitude", "quality/q_flicker_3hz.mp4") > 20
    assert _value("flicker.amplitude", "quality/q_ref.mp4") < 0.5


def test_shaking_is_found() -> None:
    shaky, steady = _ladder("motion.camera_shake", ["shaky", "ref"])
    assert shaky > 10 * steady
    assert shaky > 10 > 3 > steady


def test_slides_are_still_and_letterbox_is_letterbox() -> None:
    assert _value("freeze.still_share", "reject/slides_talk_122s.mp4") > 0.8
    assert _value("bars.area_always", "formats/v_letterbox_4x3.mp4") == pytest.approx(
        0.25, abs=0.01
    )
    assert _value("bars.area_always", "quality/q_ref.mp4") == 0


@pytest.mark.parametrize("file", _TALKING)
def test_a_good_talking_head_passes_everywhere(file: str) -> None:
    assert _value("sharpness.score", file) > 0.45
    assert _value("freeze.still_share", file) < 0.3
    assert _value("flicker.amplitude", file) < 1
    assert _value("motion.camera_shake", file) < 3
    assert _value("exposure.worst", file) < 0.05
    assert _value("bars.area_always", file) == 0
    assert _value("recut.strongest", file) < 0.15
    assert _value("noise.sigma", file) < 2
    assert -32 < _value("loudness.integrated_lufs", file) < -14
    assert _value("loudness.clipped_share", file) < 1e-4


def test_hard_cuts_inside_a_clip_are_flagged() -> None:
    assert _value("recut.strongest", "film/bikes.mp4") > 0.4
