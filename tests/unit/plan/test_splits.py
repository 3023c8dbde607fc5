"""Splits by source video."""

import hashlib

from curator.plan.splits import split_of
from curator.spec.recipe import Recipe

FINGERPRINTS = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(2000)]


def recipe(**splits: float) -> Recipe:
    return Recipe(name="r", target="t", splits=splits)


def test_shares_are_met() -> None:
    held = [split_of(recipe(test=0.1, val=0.2), one) for one in FINGERPRINTS]
    assert abs(held.count("test") / len(held) - 0.1) < 0.03
    assert abs(held.count("val") / len(held) - 0.2) < 0.03
    assert set(held) == {"train", "test", "val"}


def test_a_video_stays_where_it_is_when_others_are_added() -> None:
    # The split depends on the fingerprint alone, so this is what keeps it stable.
    assert split_of(recipe(test=0.1), FINGERPRINTS[0]) == split_of(
        recipe(test=0.1), FINGERPRINTS[0]
    )
    grown = [one for one in FINGERPRINTS if split_of(recipe(test=0.2), one) == "test"]
    assert all(one in grown for one in FINGERPRINTS if split_of(recipe(test=0.1), one) == "test")
