"""What a condition says of a signal."""

import pytest

from curator.model.signal import Signal
from curator.plan.checks import Check, Said, Scope
from curator.spec.operand import Operand
from curator.spec.recipe import Absent, Condition

OPERAND = Operand(
    measure="speech", op="speech", params={}, series=None, stat=None, signal="share", unit="ratio"
)


def check(**bounds: object) -> Check:
    condition = Condition(of="speech.share", **bounds)  # type: ignore[arg-type]
    return Check.of("keep.voice", condition, OPERAND, Scope.clip)


@pytest.mark.parametrize(
    ("bounds", "value", "said", "reason", "margin"),
    [
        ({"min": 0.5}, 0.5, Said.holds, "ok", 0.0),
        ({"min": 0.5}, 0.25, Said.fails, "voice:low", -0.25),
        ({"max": 0.5}, 0.75, Said.fails, "voice:high", -0.25),
        ({"min": 0.0, "max": 1.0}, 0.75, Said.holds, "ok", 0.25),
        ({"abs_max": 35}, -40, Said.fails, "voice:low", -5),
        ({"abs_max": 35}, -30, Said.holds, "ok", 5),
        ({"abs_max": 35, "min": 0}, -1, Said.fails, "voice:low", -1),
        ({"equals": 1}, 1, Said.holds, "ok", 0),
        ({"equals": 1}, 2, Said.fails, "voice:other", -1),
        ({"equals": "h264"}, "h264", Said.holds, "ok", None),
        ({"equals": "h264"}, "hevc", Said.fails, "voice:other", None),
    ],
)
def test_bounds_are_closed_and_margins_signed(
    bounds: dict[str, object], value: float | str, said: Said, reason: str, margin: float | None
) -> None:
    judgement = check(**bounds).judge(Signal(value))
    assert (judgement.said, judgement.reason) == (said, reason)
    assert judgement.margin == (None if margin is None else pytest.approx(margin))


@pytest.mark.parametrize(
    ("absent", "said"),
    [(Absent.keep, Said.holds), (Absent.drop, Said.fails), (Absent.unscored, Said.unknown)],
)
def test_the_recipe_says_what_no_value_means(absent: Absent, said: Said) -> None:
    judgement = check(min=0.5, absent=absent).judge(Signal(None, absent="no-audio"))
    assert judgement.said is said
    assert judgement.margin is None
    assert judgement.reason == ("ok" if said is Said.holds else "voice:no-audio")


def test_a_bound_reads_like_a_sentence() -> None:
    assert check(min=0.5).about == "speech.share >= 0.5"
    assert check(abs_max=35).about == "-35 <= speech.share <= 35"


def test_a_renamed_condition_has_the_same_document() -> None:
    one = Check.of("keep.a", Condition(of="speech.share", min=0.5), OPERAND, Scope.clip)
    other = Check.of("keep.b", Condition(of="speech.share", min=0.5), OPERAND, Scope.clip)
    assert one.document() == other.document()
