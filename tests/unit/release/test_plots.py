from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.model.clip import Decision
from curator.model.outcome import SignalInfo
from curator.release.facts import facts
from curator.release.histogram import HEIGHT, WIDTH, histogram
from curator.release.sheets import sheets
from curator.release.timeline import strips
from tests.release_content import content, outcome

INFO = SignalInfo(
    name="a.b", unit="px", about="", op="a", version=1, thresholds={"keep.a": (10.0, 20.0)}
)
numbers = st.lists(st.floats(-1e6, 1e6), max_size=40)


@given(numbers, numbers)
def test_bars_stay_in_the_plot_and_count_every_clip(
    kept: list[float], dropped: list[float]
) -> None:
    plot = histogram(INFO, {Decision.kept: kept, Decision.dropped: dropped}, absent=0)
    if not kept and not dropped:
        assert plot is None
        return
    assert plot is not None
    assert plot.count == len(kept) + len(dropped)
    told = {"kept": 0, "dropped": 0}
    for bar in plot.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH
        assert bar.y >= -0.01
        assert bar.y + bar.height <= HEIGHT + 0.01
        told[bar.kind] += int(bar.title.rsplit(": ", 1)[1].split()[0])
    assert told == {"kept": len(kept), "dropped": len(dropped)}
    assert all(0 <= line.x <= WIDTH for line in plot.lines)


def test_the_lines_lie_between_what_passes_and_what_does_not() -> None:
    plot = histogram(INFO, {Decision.kept: [12.0, 18.0], Decision.dropped: [5.0, 30.0]}, absent=2)
    assert plot is not None
    low, high = plot.lines
    kept = [bar for bar in plot.bars if bar.kind == "kept"]
    assert all(low.x < bar.x + bar.width and bar.x < high.x for bar in kept)
    dropped = [bar for bar in plot.bars if bar.kind == "dropped"]
    assert dropped[0].x < low.x
    assert dropped[1].x > high.x
    assert (low.out_x, low.out_width) == (0, low.x)
    assert math.isclose(high.out_x + high.out_width, WIDTH)


def test_one_stray_value_does_not_flatten_the_rest() -> None:
    plot = histogram(
        dataclasses.replace(INFO, thresholds={}),
        {Decision.kept: [float(value) for value in range(200)] + [1e9]},
        absent=0,
    )
    assert plot is not None
    assert len(plot.bars) > 20


def test_a_share_has_no_axis_outside_nought_and_one() -> None:
    info = dataclasses.replace(INFO, unit="ratio", thresholds={"keep.a": (0.5, None)})
    plot = histogram(info, {Decision.kept: [0.0, 0.4, 1.0]}, absent=0)
    assert plot is not None
    assert (plot.lowest, plot.highest) == ("0", "1")


def test_the_parts_of_a_strip_tile_the_video() -> None:
    [strip], skipped = strips([outcome(1)])
    assert skipped == 0
    edges = [(part.x, part.x + part.width) for part in strip.parts]
    assert edges[0][0] == 0
    assert edges[-1][1] == pytest.approx(1000)
    for left, right in pairwise(edges):
        assert left[1] == pytest.approx(right[0])
    assert [part.kind for part in strip.parts] == [
        "kept",
        "dropped",
        "dropped",
        "dropped",
        "unscored",
    ]
    assert strip.parts[1].title == "0:12.00 to 0:30.00 · dropped: voice:low"
    assert strip.shots == (0.0, 500.0)


def test_totals_tile_the_footage(tmp_path: Path) -> None:
    totals = facts(content(tmp_path / "blobs"))
    assert totals.seconds_in == 180
    assert (totals.seconds_kept, totals.seconds_dropped, totals.seconds_unscored) == (36, 114, 30)
    assert (totals.clips_kept, totals.clips_dropped, totals.clips_unscored) == (3, 6, 3)
    assert (totals.videos_ok, totals.videos_failed) == (2, 1)
    assert totals.yield_share == pytest.approx(0.2)
    assert not totals.is_unusual
    assert [(line.name, line.samples) for line in totals.splits] == [("test", 1), ("train", 2)]
    spoken = next(line for line in totals.signals if line.info.name == "speech.share")
    assert (spoken.count, spoken.median_kept) == (6, 0.7)


def test_what_failed_is_not_called_dropped(tmp_path: Path) -> None:
    titles = [sheet.title for sheet in sheets(content(tmp_path / "blobs"))]
    assert titles[:2] == ["Kept", "Nearest misses"]
    assert "Unscored: timeout" in titles
    assert "Dropped: timeout" not in titles
    assert "Dropped: too-short" in titles


def test_a_long_sheet_says_how_much_it_leaves_out(tmp_path: Path) -> None:
    kept = sheets(content(tmp_path / "blobs", [outcome(index) for index in range(30)]))[0]
    assert (len(kept.cards), kept.more) == (24, 6)
    assert kept.cards[0].video == "film 0.mp4"
    assert kept.cards[0].duration == "12.0 s"
    assert Fraction(len({card.video for card in kept.cards}), 24) == 1


def test_a_card_tells_the_deciding_signal_first(tmp_path: Path) -> None:
    near = sheets(content(tmp_path / "blobs"))[1].cards
    assert near[0].facts[0] == ("speech.share", "0.49", True)
    assert near[3].facts[0] == ("face.yaw_deg.mean", "55 deg", True)
    assert near[3].facts[1] == ("speech.share", "no-audio", False)


def test_one_value_that_passes_is_one_line() -> None:
    info = dataclasses.replace(INFO, thresholds={"keep.one": (1.0, 1.0)})
    plot = histogram(info, {Decision.kept: [1.0, 2.0]}, absent=0)
    assert plot is not None
    assert [line.label for line in plot.lines] == ["keep.one = 1"]


def test_values_that_differ_by_rounding_alone_still_have_a_plot() -> None:
    plot = histogram(
        INFO, {Decision.kept: [24.999999999999996, 25.0, 25.000000000000007]}, absent=0
    )
    assert plot is not None
    assert plot.count == 3
