"""What is decoded together."""

from __future__ import annotations

from curator.engine.job import _groups
from curator.measure.loudness import Loudness
from curator.measure.luma import Luma
from curator.measure.motion import Motion
from curator.model.tile import Tiles
from curator.plan.logical import Node

LUMA, MOTION = Node("luma", "luma", Luma()), Node("motion", "motion", Motion())
LOUD = Node("loudness", "loudness", Loudness())


def test_what_looks_shares_a_decode_even_where_it_wants_other_tiles() -> None:
    wanted = {LUMA: Tiles.of([0, 1, 2]), MOTION: Tiles.of([2, 3])}
    assert _groups(wanted) == [wanted]


def test_what_listens_wherever_something_looks_goes_along_and_is_alone_elsewhere() -> None:
    wanted = {LUMA: Tiles.of([0, 1]), LOUD: Tiles.of([0, 1, 2, 3])}
    assert _groups(wanted) == [
        {LUMA: Tiles.of([0, 1]), LOUD: Tiles.of([0, 1])},
        {LOUD: Tiles.of([2, 3])},
    ]


def test_what_listens_elsewhere_makes_nobody_decode_the_pictures_on_the_way() -> None:
    looks, listens = {LUMA: Tiles.of([1, 9])}, {LOUD: Tiles.of([5, 9])}
    assert _groups({**looks, **listens}) == [looks, listens]


def test_sound_alone_decodes_no_picture() -> None:
    assert _groups({LOUD: Tiles.of([5])}) == [{LOUD: Tiles.of([5])}]
