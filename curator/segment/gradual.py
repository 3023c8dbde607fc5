"""Gradual transitions: dissolves and fades, found because a mixture of two pictures is flatter than both.

Where a frame M is a mixture of A and B, its variance lies below the mean of theirs by exactly a
quarter of the variance of their difference (at half and half). Movement, pans and cuts leave the
variance nearly where it was, so this *dip* tells a dissolve from them even when both shots move. It
is asked at several time scales; A and B must differ as pictures, M must lie between them, and no
movement of the camera may turn A and B into M: large soft things that pass also mix for a while.
Source: the parabola of Alattar (1993), in the exact form of the parallelogram law.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from curator.model.clip import Transition
from curator.segment.boundary import Boundary
from curator.segment.flat import is_flat
from curator.segment.motion import unexplained

__all__ = ["cells_of", "gradual_transitions"]

_Floats = npt.NDArray[np.float32]
_Signatures = npt.NDArray[np.uint8]

_SCALES = (2, 3, 4, 6, 8, 11, 15, 20, 27)
"""Half lengths that are tried, samples."""
_LONGEST_SECONDS = 1.25
"""Longest half length."""
_SAMPLES_PER_SECOND = 24.0
"""Frames beyond about this rate are left out here."""
_CHUNK = 1500
"""Samples at once: memory does not grow with the video."""
_UNLIKE = 0.85
_NOISE = 2.0
"""Grey levels that two frames of a still picture may differ by."""
_ROUNDING = 0.5
_LEAST_CHANGE = 5.0
"""Root mean square difference over all cells and channels below which nothing happened."""
_MOVED, _NEW = 0.65, 0.75
"""What movement leaves unexplained, as a share of the change: below the first it is all movement."""
_EASE = 1.4
"""Frames may lie this much further from the line between two pictures that have nothing in common."""
_UNRELATED = (0.75, 1.0)
"""How unlike two pictures are: from where on, and where fully, they have nothing in common."""
_BLACK = 24.0
_CUT_SAMPLES = 2
"""So few blended frames are a hard cut that a frame rate conversion has smeared."""
_ONE_FADE_SECONDS = 1.6
"""A fade out and the fade in after it are one transition if both together take no longer."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    score: float
    centre: int
    half: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A transition in samples: blended are ``first <= i < last``."""

    first: int
    middle: int
    last: int
    flat_before: bool
    flat_after: bool


def gradual_transitions(
    signatures: _Signatures,
    seconds: npt.NDArray[np.float64],
    cuts: list[int],
    *,
    threshold: float,
) -> list[Boundary]:
    """The gradual transitions between the hard cuts of a video, in order.

    Args:
        signatures: ``(n, rows, columns, 3)`` RGB.
        seconds: ``(n,)`` times.
        cuts: First frames of the shots that begin with a hard cut, increasing.
        threshold: Lowest score, 0 to 1.
    """
    step = _step(seconds)
    out: list[Boundary] = []
    for start, end in pairwise([0, *cuts, len(signatures)]):
        frames = np.arange(start, end, step)
        found = _search(signatures[frames], seconds[frames], threshold)
        joined = _join_fades(found, seconds[frames])
        out += [_boundary(one, frames, step, (start, end)) for one in joined]
    return out


def _boundary(
    one: _Found, frames: npt.NDArray[np.int64], step: int, shot: tuple[int, int]
) -> Boundary:
    """In frames, with an eighth more at both ends, where a mixture is too faint to see."""
    margin = (one.last - one.first) // 8 * step
    kind = Transition.fade if one.flat_before or one.flat_after else Transition.dissolve
    return Boundary(
        max(int(frames[one.first]) - margin, shot[0]),
        int(frames[one.middle]),
        # The last blended sample stands for the frames left out after it.
        min(int(frames[one.last - 1]) + step + margin, shot[1]),
        Transition.cut if one.last - one.first <= _CUT_SAMPLES else kind,
    )


def cells_of(signatures: _Signatures) -> _Floats:
    """``(n, rows, columns, 3)`` RGB to luma and two colour differences of the same weight."""
    rgb = signatures.astype(np.float32)
    luma = rgb @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.stack([luma, rgb[..., 2] - luma, rgb[..., 0] - luma], axis=-1)


def _step(seconds: npt.NDArray[np.float64]) -> int:
    if len(seconds) < 2:
        return 1
    # A rate of 29.97 must take every frame and 50 every other, so it is rounded down.
    return max(1, int(1.0 / (float(np.median(np.diff(seconds))) * _SAMPLES_PER_SECOND) + 0.01))


def _search(
    signatures: _Signatures, seconds: npt.NDArray[np.float64], threshold: float
) -> list[_Found]:
    """Best candidates first, each refined; none may overlap a better one."""
    candidates = sorted(
        _candidates(signatures, seconds, threshold), key=lambda c: (-c.score, c.centre, c.half)
    )
    found: list[_Found] = []
    taken = np.zeros(len(signatures), dtype=np.bool_)
    for candidate in candidates:
        if taken[
            candidate.centre - candidate.half // 2 : candidate.centre + candidate.half // 2 + 1
        ].any():
            continue
        one = _refine(signatures, candidate)
        if taken[one.first : one.last].any():
            continue
        found.append(one)
        margin = max(2, (one.last - one.first) // 4)
        taken[max(0, one.first - margin) : one.last + margin] = True
    return sorted(found, key=lambda one: one.first)


def _candidates(
    signatures: _Signatures, seconds: npt.NDArray[np.float64], threshold: float
) -> Iterator[_Candidate]:
    margin = 2 * _SCALES[-1]
    n = len(signatures)
    for start in range(0, n, _CHUNK):
        low, high = max(0, start - margin), min(n, start + _CHUNK + margin)
        cells = cells_of(signatures[low:high])
        parts: list[tuple[npt.NDArray[np.int64], _Floats, int]] = []
        for half in _SCALES:
            centres = _promising(cells, half, threshold / _EASE)
            length = seconds[low + centres + half] - seconds[low + centres - half]
            own = (low + centres >= start) & (low + centres < start + _CHUNK)
            centres = centres[own & (length <= 2 * _LONGEST_SECONDS)]
            scores = _scores(cells, centres, half)
            peaks = _peaks(centres, scores, max(1, half // 4), threshold)
            parts.append((centres[peaks], scores[peaks], half))
        centres = np.concatenate([part[0] for part in parts])
        halves = np.repeat([half for _, _, half in parts], [len(part[0]) for part in parts])
        # All scales at once: looking for movement costs the most, and less so in one go.
        scores = np.concatenate([part[1] for part in parts]) * _new(cells, centres, halves)
        for i in np.flatnonzero(scores >= threshold):
            yield _Candidate(float(scores[i]), low + int(centres[i]), int(halves[i]))


def _promising(cells: _Floats, half: int, threshold: float) -> npt.NDArray[np.int64]:
    """Centres whose frame lies so near the line between A and B that the score may reach the threshold.

    A bound, never an estimate: black bars only lower `bent`, so nothing that counts is left out.
    """
    flat = cells.reshape(len(cells), -1)
    if len(flat) <= 2 * half:
        return np.zeros(0, dtype=np.int64)
    energy = np.einsum("ij,ij->i", flat, flat)
    near = np.einsum("ij,ij->i", flat[:-half], flat[half:])
    far = np.einsum("ij,ij->i", flat[: -2 * half], flat[2 * half :])
    a, m, b = energy[: -2 * half], energy[half:-half], energy[2 * half :]
    size = cells.shape[1] * cells.shape[2]
    whole = np.maximum(a + b - 2 * far, 0.0) / size
    bent = np.maximum(a + 4 * m + b - 4 * near[:-half] - 4 * near[half:] + 2 * far, 0.0) / size
    may = np.sqrt(bent) <= (1.0 - threshold) * (np.sqrt(whole) + _NOISE) + _ROUNDING
    return np.asarray(half + np.flatnonzero(may & (whole >= _LEAST_CHANGE**2)))


def _scores(cells: _Floats, centres: npt.NDArray[np.int64], half: int) -> _Floats:
    """``(n,)`` how surely each centre mixes the frames `half` before and after it, 0 to 1."""
    before, middle, after = cells[centres - half], cells[centres], cells[centres + half]
    picture = _picture(before, middle, after)
    a, m, b = (_centre(part, picture) for part in (before, middle, after))
    var_a, var_m, var_b = (_mean((part * part), picture) for part in (a, m, b))
    apart = _mean((b - a) ** 2, picture)
    dip = ((var_a + var_b) / 2 - var_m) / (apart / 4 + 3.0)
    whole = _mean((after - before) ** 2, picture)
    bent = np.sqrt(_mean((before - 2 * middle + after) ** 2, picture)) / (np.sqrt(whole) + _NOISE)
    # 1 for pictures that have nothing in common, whatever their contrast; 0.5 for a title faded in,
    # 0 for a change of light.
    alike = _mean(a * b, picture) / (np.sqrt(var_a * var_b) + 3.0**2)
    unlike = np.maximum(np.sqrt(np.maximum(1.0 - alike, 0.0)) / _UNLIKE, _dimming(var_a, var_b))
    # Movement in both shots bends the line; a title fading in has no such excuse.
    unrelated = (unlike - _UNRELATED[0]) / (_UNRELATED[1] - _UNRELATED[0])
    ease = 1.0 + (_EASE - 1.0) * np.clip(unrelated, 0.0, 1.0)
    score = (
        np.clip(dip, 0.0, 1.0)
        * np.clip(unlike, 0.0, 1.0)
        * np.clip(ease * (1.0 - bent), 0.0, 1.0)
        * _calm(cells, centres, half, whole, picture)
        * _breadth(after - before)
        * _lit(before, after)
    )
    return np.asarray(score, dtype=np.float32)


def _peaks(
    centres: npt.NDArray[np.int64], scores: _Floats, reach: int, least: float
) -> npt.NDArray[np.int64]:
    """Those of at least `least` that no other within `reach` exceeds: neighbours say the same."""
    if len(centres) == 0:
        return centres
    dense = np.zeros(int(centres[-1] - centres[0]) + 1 + 2 * reach, dtype=np.float32)
    dense[centres - centres[0] + reach] = scores
    highest = np.lib.stride_tricks.sliding_window_view(dense, 2 * reach + 1).max(axis=1)
    return np.flatnonzero((scores >= least) & (scores >= highest[centres - centres[0]]))


def _new(cells: _Floats, centres: npt.NDArray[np.int64], half: npt.NDArray[np.int64]) -> _Floats:
    """``(n,)`` 0 where the middle is both ends moved, 1 where neither has it all, or the light goes out."""
    if len(centres) == 0:
        return np.zeros(0, dtype=np.float32)
    before, middle, after = cells[centres - half], cells[centres], cells[centres + half]
    picture = _picture(before, middle, after)
    whole = np.sqrt(_mean((after - before) ** 2, picture)) + _NOISE
    left = unexplained(before, middle, after, picture) / whole
    new = np.clip((left - _MOVED) / (_NEW - _MOVED), 0.0, 1.0)
    var_a, var_b = (_mean(_centre(part, picture) ** 2, picture) for part in (before, after))
    return np.asarray(np.maximum(new, _dimming(var_a, var_b)), dtype=np.float32)


def _dimming(var_a: _Floats, var_b: _Floats) -> _Floats:
    """``(n,)`` 1 where the contrast falls or rises fivefold: a fade that the video's end cuts off."""
    ratio = np.sqrt((np.minimum(var_a, var_b) + 1.0) / (np.maximum(var_a, var_b) + 1.0))
    return np.asarray(np.clip((0.35 - ratio) / 0.15, 0.0, 1.0), dtype=np.float32)


def _lit(before: _Floats, after: _Floats) -> _Floats:
    """``(n,)`` 0 where less than a tenth of the frame is ever bright (credits on black), 1 from a fifth on."""
    lit = np.maximum(before[..., 0], after[..., 0]) > _BLACK
    return np.asarray(np.clip((lit.mean(axis=(1, 2)) - 0.1) / 0.1, 0.0, 1.0))


def _calm(
    cells: _Floats,
    centres: npt.NDArray[np.int64],
    half: int,
    whole: _Floats,
    picture: _Floats,
) -> _Floats:
    """``(n,)`` 0 where the picture changes as much before and after as in between.

    Scrolling text passes through mixtures of itself all the time; a dissolve has two ends.
    """
    outer = np.full(len(centres), np.inf, dtype=np.float32)
    for near, far in ((-half, -2 * half), (half, 2 * half)):
        inside = np.flatnonzero((centres + far >= 0) & (centres + far < len(cells)))
        change = cells[centres[inside] + near] - cells[centres[inside] + far]
        outer[inside] = np.minimum(outer[inside], _mean(change**2, picture[inside]))
    outer[np.isinf(outer)] = 0.0  # the shot is too short to say
    ratio = np.sqrt(outer) / (np.sqrt(whole) + _NOISE)
    return np.asarray(np.clip((1.0 - ratio) / 0.4, 0.0, 1.0), dtype=np.float32)


def _picture(*parts: _Floats) -> _Floats:
    """``(n, rows, columns, 1)`` 1 inside the picture, 0 in black bars around it."""
    lit = np.logical_or.reduce([part[..., 0] > _BLACK for part in parts])
    rows, columns = lit.any(axis=2), lit.any(axis=1)
    inside = rows[:, :, None] & columns[:, None, :]
    inside |= ~inside.any(axis=(1, 2), keepdims=True)
    return np.asarray(inside[..., None], dtype=np.float32)


def _mean(values: _Floats, picture: _Floats) -> _Floats:
    """``(n,)`` mean over the cells of the picture, summed over channels."""
    total = (values * picture).sum(axis=(1, 2, 3)) / picture.sum(axis=(1, 2, 3))
    return np.asarray(total, dtype=np.float32)


def _centre(part: _Floats, picture: _Floats) -> _Floats:
    size = picture.sum(axis=(1, 2), keepdims=True)
    means = (part * picture).sum(axis=(1, 2), keepdims=True) / size
    centred: _Floats = (part - means) * picture
    return centred


def _breadth(difference: _Floats) -> _Floats:
    """``(n,)`` 0 for a change in less than about a tenth of the frame (a caption), 1 from a sixth on."""
    luma = np.abs(difference[..., 0])
    mean, square = luma.mean(axis=(1, 2)), (luma * luma).mean(axis=(1, 2))
    return np.asarray(np.clip((mean * mean / (square + 1.0) - 0.1) / 0.07, 0.0, 1.0))


def _refine(signatures: _Signatures, candidate: _Candidate) -> _Found:
    """Where the mixture begins and ends: how far each frame has come from A to B."""
    n, centre, half = len(signatures), candidate.centre, candidate.half
    low, high = max(0, centre - 3 * half - 2), min(n, centre + 3 * half + 3)
    pictures = cells_of(signatures[low:high])
    cells, luma = pictures.reshape(high - low, -1), pictures[..., 0]
    first, last = centre - half - low, centre + half - low
    for _ in range(4):
        share = _share(cells, first, last)
        grown = _walk(share, first, last)
        if grown == (first, last):
            break
        first, last = grown
    share = _share(cells, first, last)
    inside = np.flatnonzero((share > 0.06) & (share < 0.94))
    inside = inside[(inside > first) & (inside < last)]
    begin, end = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (first + 1, last)
    half_way = begin + int(np.argmin(np.abs(share[begin:end] - 0.5)))
    return _Found(
        low + begin,
        low + half_way,
        low + end,
        flat_before=any(is_flat(one, luma[last]) for one in luma[max(0, first - 2) : begin + 1]),
        flat_after=any(is_flat(one, luma[first]) for one in luma[end - 1 : last + 3]),
    )


def _share(cells: _Floats, first: int, last: int) -> _Floats:
    """``(n,)`` 0 at `first`, 1 at `last`: the share of the later picture in each."""
    way = cells[last] - cells[first]
    return np.asarray((cells - cells[first]) @ way / (way @ way + 1.0), dtype=np.float32)


def _walk(share: _Floats, first: int, last: int) -> tuple[int, int]:
    """One step outwards at each end where the picture still goes the same way at a good pace."""
    pace = 0.4 / max(1, last - first)
    if first >= 2 and share[first] - share[first - 2] > 2 * pace:
        first -= 2
    elif first >= 1 and share[first] - share[first - 1] > pace:
        first -= 1
    if last + 2 < len(share) and share[last + 2] - share[last] > 2 * pace:
        last += 2
    elif last + 1 < len(share) and share[last + 1] - share[last] > pace:
        last += 1
    return first, last


def _join_fades(found: list[_Found], seconds: npt.NDArray[np.float64]) -> list[_Found]:
    """A fade out and a fade in around the same colour are one transition when they are quick."""
    out: list[_Found] = []
    for one in found:
        last = out[-1] if out else None
        if (
            last is not None
            and last.flat_after
            and one.flat_before
            and seconds[one.last - 1] - seconds[last.first] <= _ONE_FADE_SECONDS
        ):
            middle = (last.last + one.first) // 2
            out[-1] = _Found(
                last.first, middle, one.last, last.flat_before, flat_after=one.flat_after
            )
            # A joined fade stays a fade whatever lies at its ends.
            out[-1] = _Found(
                last.first, middle, one.last, flat_before=True, flat_after=one.flat_after
            )
        else:
            out.append(one)
    return out
