"""How much of a kind is enough: which members of groups are over a quota."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction

__all__ = ["over_quota", "share_cap"]


def over_quota(
    groups: Sequence[Hashable],
    seconds: Sequence[Fraction],
    *,
    max_seconds: Fraction | None = None,
    max_clips: int | None = None,
    max_share: Fraction | None = None,
) -> dict[int, float]:
    """The members that are too many, each with its margin: below zero, in seconds (in clips for `max_clips`).

    Members are taken in the given order, best first. One that does not fit into `max_seconds` any
    more is left out and a shorter one after it may fit. A share is met to within one clip, since
    whole clips rarely add up to it.

    Args:
        groups: ``(n,)`` the group of each member, best member first.
        seconds: ``(n,)`` lengths.
    """
    cap = None if max_share is None else share_cap(_totals(groups, seconds), max_share)
    used: dict[Hashable, Fraction] = defaultdict(Fraction)
    count: dict[Hashable, int] = defaultdict(int)
    out: dict[int, float] = {}
    for number, (group, length) in enumerate(zip(groups, seconds, strict=True)):
        after = used[group] + length
        if max_clips is not None and count[group] >= max_clips:
            out[number] = -1.0
        elif max_seconds is not None and after > max_seconds:
            out[number] = float(max_seconds - after)
        elif cap is not None and used[group] >= cap:
            out[number] = float(cap - after)
        else:
            used[group] = after
            count[group] += 1
    return out


def share_cap(totals: Mapping[Hashable, Fraction], share: Fraction) -> Fraction:
    """The most that one group may have so that none has more than `share` of what is then left.

    A share below 1/k cannot be met by k groups; then each gets as much as the smallest has.

    >>> share_cap({"a": Fraction(80), "b": Fraction(12), "c": Fraction(12)}, Fraction(2, 5))
    Fraction(16, 1)
    """
    held = sorted((total for total in totals.values() if total), reverse=True)
    if not held:
        return Fraction(0)
    share = max(share, Fraction(1, len(held)))
    rest = sum(held, Fraction(0))
    for capped, largest in enumerate(held):
        # With the `capped` largest cut to share * whole, the whole is what the others have / (1 - capped * share).
        whole = rest / (1 - capped * share)
        if largest <= share * whole:
            return share * whole
        rest -= largest
    raise AssertionError("the smallest of k groups has at most 1/k")


def _totals(groups: Sequence[Hashable], seconds: Sequence[Fraction]) -> Mapping[Hashable, Fraction]:
    totals: dict[Hashable, Fraction] = defaultdict(Fraction)
    for group, length in zip(groups, seconds, strict=True):
        totals[group] += length
    return totals
