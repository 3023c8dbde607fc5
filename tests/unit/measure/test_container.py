"""Container facts of a described video."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from curator.abc.measure import ClipSeries
from curator.measure.container import Container
from curator.model.span import Span
from curator.model.video import VideoInfo
from curator.testing.tiles import Footage, video_info


def _info(**video: object) -> VideoInfo:
    sound = np.zeros((2, 48_000), np.float32)
    info = video_info(Footage(np.zeros((50, 1080, 1920), np.uint8), audio=sound))
    return replace(info, video=replace(info.video, **video))  # type: ignore[arg-type]


def _facts(info: VideoInfo) -> dict[str, float | str | None]:
    signals = Container().summarise(ClipSeries(Span(Fraction(0), Fraction(1)), info))
    return {name: signal.absent or signal.value for name, signal in signals.items()}


def test_facts_are_those_of_the_whole_video() -> None:
    facts = _facts(_info())
    assert facts == {
        "duration_seconds": 2.0,
        "width_px": 1920.0,
        "height_px": 1080.0,
        "short_side_px": 1080.0,
        "aspect": pytest.approx(16 / 9),
        "fps": 25.0,
        "variable_rate": 0.0,
        "bits_per_pixel": pytest.approx(8 * 1000 / (1920 * 1080)),
        "size_bytes": 100_000.0,
        "bit_depth": 8.0,
        "interlaced": 0.0,
        "hdr": 0.0,
        "rotation_degrees": 0.0,
        "max_keyframe_gap_seconds": 1.0,
        "codec": "h264",
        "container": "mp4",
        "audio": 1.0,
        "audio_codec": "aac",
        "audio_sample_rate_hz": 48_000.0,
        "audio_channels": 2.0,
    }


def test_sizes_are_those_that_a_viewer_sees() -> None:
    facts = _facts(
        _info(width_px=720, height_px=576, sample_aspect=Fraction(64, 45), rotation_degrees=90)
    )
    assert (facts["width_px"], facts["height_px"], facts["short_side_px"]) == (576.0, 1024.0, 576.0)


@pytest.mark.parametrize(
    ("transfer", "hdr"), [("smpte2084", 1.0), ("arib-std-b67", 1.0), (None, 0.0)]
)
def test_hdr_is_told_by_the_transfer_curve(transfer: str | None, hdr: float) -> None:
    assert _facts(_info(color_transfer=transfer))["hdr"] == hdr


def test_without_sound_its_facts_are_absent() -> None:
    facts = _facts(replace(_info(), audio=()))
    assert facts["audio"] == 0.0
    assert (
        facts["audio_codec"]
        == facts["audio_sample_rate_hz"]
        == facts["audio_channels"]
        == "no-audio"
    )
