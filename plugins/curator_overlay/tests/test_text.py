"""Text: drawn lines are found where they stand, and footage without any has none."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from curator_overlay import Text
from curator_overlay.detector import _MAX_HEIGHT, DETECTOR, TextFinder

from curator.errors import MeasureError
from curator.model.series import Series
from curator.model.signal import Signal
from curator.model.span import Span
from curator.testing.measure import MeasureTests, scene
from curator.testing.tiles import Footage, run, summary
from tests.footage import own, shared
from tests.measured import measured, model_files

Pictures = npt.NDArray[np.uint8]


class TestText(MeasureTests):
    measure = Text()

    def weights(self) -> Mapping[str, Path]:
        return model_files(self.measure)


def written(*lines: tuple[str, float, float], ground: Pictures, size: float = 0.9) -> Pictures:
    """The picture with each line's text, its left end and foot at shares of width and height."""
    out = ground.copy()
    height, width = out.shape[:2]
    for text, left, foot in lines:
        place = (int(left * width), int(foot * height))
        cv2.putText(out, text, place, cv2.FONT_HERSHEY_DUPLEX, size, (255, 255, 255), 2)
    return out


def black() -> Pictures:
    return np.zeros((360, 640, 3), np.uint8)


def series(*pictures: Pictures) -> dict[str, Series]:
    footage = Footage(np.stack(pictures), fps=Fraction(1))
    return run(Text(), footage, weights=model_files(Text()))


def signals(*pictures: Pictures) -> dict[str, float | str | None]:
    footage = Footage(np.stack(pictures), fps=Fraction(1))
    found = summary(Text(), footage, weights=model_files(Text()))
    return {name: one.value for name, one in found.items()}


def test_a_line_is_found_where_it_was_written() -> None:
    found = series(written(("The weather in June", 0.25, 0.5), ground=black()))
    assert found["lines"].values[0] == 1
    places = found["places"].values[0]
    rows, columns = np.nonzero(places > 0.15)
    assert set(rows) <= {3, 4}
    assert 3 <= columns.min() <= 4
    (left, right), foot = (0.25, 0.25 + 330 / 640), 30 / 360
    assert found["area"].values[0] == pytest.approx((right - left) * foot, rel=0.6)
    assert found["largest"].values[0] == pytest.approx(found["area"].values[0], rel=0.1)
    assert found["bottom_area"].values[0] == 0


def test_a_picture_without_text_has_none() -> None:
    found = series(black(), scene(size=(360, 640), seconds=1).frames[0])
    assert (found["lines"].values == 0).all()
    assert (found["area"].values == 0).all()
    assert found["ground"].values[0] == 1


def test_a_subtitle_stands_low_and_in_the_middle_and_a_headline_does_not() -> None:
    low = series(written(("and then he left the room", 0.2, 0.93), ground=black()))
    high = series(written(("and then he left the room", 0.2, 0.2), ground=black()))
    assert low["subtitle"].values[0] > 0.4
    assert low["bottom_area"].values[0] > 0.05
    assert high["subtitle"].values[0] == 0


def test_subtitles_that_change_are_counted() -> None:
    one = written(("and then he left the room", 0.2, 0.93), ground=black())
    other = written(("nobody knew why", 0.3, 0.93), ground=black())
    found = signals(black(), one, one, other, black(), black())
    assert found["subtitle_share"] == pytest.approx(0.5)
    assert found["subtitle_changes"] == 3


def test_a_logo_persists_and_a_caption_of_one_second_does_not() -> None:
    pictures = [written(("CHANNEL 7", 0.7, 0.12), ground=black()) for _ in range(8)]
    assert signals(*pictures)["persistence"] == 1
    pictures[1:] = [black()] * 7
    assert signals(*pictures)["persistence"] == pytest.approx(1 / 8)


def test_a_page_is_text_on_a_flat_ground() -> None:
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.integers(0, 90, (360, 640, 3)).astype(np.uint8), (0, 0), 2) * 2
    lines = (("Chapter one", 0.3, 0.4), ("in which nothing happens", 0.2, 0.6))
    assert signals(written(*lines, ground=black()))["page_share"] == 1
    over = signals(written(*lines, ground=noise))
    assert over["persistence"] == 1, "the text over the noise is seen"
    assert over["page_share"] == 0


def test_letters_as_tall_as_the_picture_are_not_lines() -> None:
    found = series(written(("III", 0.2, 0.9), ground=black(), size=12.0))
    assert found["largest"].values[0] < _MAX_HEIGHT


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_bytes(b"no network at all")
    with pytest.raises(MeasureError) as caught:
        TextFinder(path, min_confidence=0.5)
    assert caught.value.reason == "weights-unreadable"


def test_the_network_is_the_one_declared() -> None:
    assert model_files(Text()).keys() == {DETECTOR.name}


# ---- real footage


def of(path: Path, span: Span | None = None) -> Mapping[str, Signal]:
    return measured(Text(), path, span).signals(span)


def median_area(path: Path) -> float:
    return float(np.median(measured(Text(), path).values("area")))


def test_burnt_in_text_is_found_and_the_clean_clip_has_none() -> None:
    dirty = shared("fixtures/quality/q_overlay_text.mp4")
    assert median_area(dirty) > 0.05
    assert of(dirty)["persistence"].value == 1
    assert of(dirty)["subtitle_share"].value == 1
    clean = shared("fixtures/quality/q_ref.mp4")
    assert median_area(clean) == 0
    assert of(clean)["persistence"].value == 0


@pytest.mark.parametrize(
    "name",
    ["talk_f_01_hdtf.mp4", "juggle_720p.mp4", "asl_book.mkv", "toy_frog.mp4", "static_bottles_40s.mp4"],
)  # fmt: skip
def test_footage_without_text_has_hardly_any(name: str) -> None:
    assert median_area(own(name)) < 0.005
    assert float(of(own(name))["persistence"].value or 0) < 0.5
    assert of(own(name))["page_share"].value == 0


def test_toy_blocks_with_letters_are_text_and_no_page() -> None:
    assert median_area(own("hands_blocks_topdown_720p.mp4")) > 0.03
    assert of(own("hands_blocks_topdown_720p.mp4"))["page_share"].value == 0


def test_slides_and_credits_are_pages() -> None:
    film = shared("fixtures/film/film_fixture.mp4")
    credits = of(film, Span(Fraction(344), Fraction(353)))
    assert float(credits["page_share"].value or 0) > 0.8
    slides = of(film, Span(Fraction(24), Fraction(36)))
    assert slides["page_share"].value == 1
