"""Y'CbCr of one standard as Y'CbCr of another: matrices, and HDR as SDR.

HDR becomes SDR as a reference player shows it:

1. R'G'B' by the matrix of the source, then light in nits: SMPTE ST 2084 (PQ), or ARIB STD-B67 (HLG)
   with the system gamma 1.2 of a display of 1000 nits (ITU-R BT.2100).
2. BT.2020 to BT.709 primaries on linear light. Colours that BT.709 does not have are mixed with
   grey of the same luminance until it has them.
3. The roll-off of ITU-R BT.2390 (its Hermite spline in PQ space) from 1000 nits to 203, which is
   where ITU-R BT.2408 puts white paper, taken from the brightest of R, G and B and applied to all
   three, so that hues stay. Up to 90 nits nothing changes; from 1000 nits on grey is white.
4. The inverse of ITU-R BT.1886 (gamma 2.4), with 203 nits as white.

libplacebo and mpv do the same by default (``tone-mapping=bt.2390``), but they look at the brightest
pixels of each scene first, and this does not: a picture depends on its own pixels alone.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace

__all__ = ["PEAK_NITS", "WHITE_NITS", "coded", "rgb_of", "sdr"]

_Floats: TypeAlias = npt.NDArray[np.float32]
_Bytes: TypeAlias = npt.NDArray[np.uint8]

PEAK_NITS = 1000.0
"""What the roll-off takes for the brightest: most HDR10 and all HLG is graded for it."""
WHITE_NITS = 203.0

_LUMA = {
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.FCC: (0.30, 0.11),
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.BT2020: (0.2627, 0.0593),
}
"""Share of red and of blue in luma."""
_BT2020_TO_BT709 = np.array(
    [[1.660491, -0.587641, -0.072850],
     [-0.124550, 1.132900, -0.008349],
     [-0.018151, -0.100579, 1.118730]], np.float32
)  # fmt: skip
"""ITU-R BT.2087."""
_BT2020_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
_BT709_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A = 0.17883277
_HLG_B, _HLG_C = 1 - 4 * _HLG_A, 0.5 - _HLG_A * float(np.log(4 * _HLG_A))
_SYSTEM_GAMMA = 1.2
_DISPLAY_GAMMA = 2.4
_TABLE = 1 << 16


def rgb_of(
    planes: list[_Bytes] | list[_Floats], matrix: Colorspace, source_range: ColorRange, bits: int
) -> _Floats:
    """``(h, w, 3)`` R'G'B' in [0, 1] (and a little beyond) of Y, U and V in units of 8 bits."""
    y, u, v = (np.asarray(plane, np.float32) for plane in planes)
    if source_range is ColorRange.JPEG:
        black, reach = (0, 128, 128), np.full(3, 256 - 1 / (1 << (bits - 8)))  # 255.75 for 10 bits
    else:
        black, reach = (16, 128, 128), np.array([219.0, 224.0, 224.0])
    y, u, v = ((p - k) / np.float32(r) for p, k, r in zip((y, u, v), black, reach, strict=True))
    red, blue = _LUMA[matrix]
    green = 1 - red - blue
    r = y + 2 * (1 - red) * v
    b = y + 2 * (1 - blue) * u
    return np.stack([r, (y - red * r - blue * b) / green, b], axis=-1).astype(np.float32)


def coded(rgb: _Floats, matrix: Colorspace) -> tuple[_Bytes, _Bytes, _Bytes]:
    """R'G'B' as 8-bit limited-range Y, U and V; U and V half as large, at the left of their pixels.

    Args:
        rgb: ``(h, w, 3)`` with even sides.
        matrix: of the result.
    """
    red, blue = _LUMA[matrix]
    rgb = np.clip(rgb, 0, 1)
    y = rgb @ np.array([red, 1 - red - blue, blue], np.float32)
    u, v = (rgb[..., 2] - y) / (2 * (1 - blue)), (rgb[..., 0] - y) / (2 * (1 - red))
    return (
        _bytes(16 + 219 * y),
        *(_bytes(128 + 224 * _halved(plane)) for plane in (u, v)),
    )  # type: ignore[return-value]  # three of them


def sdr(rgb: _Floats, transfer: str) -> _Floats:
    """R'G'B' of BT.709 as a BT.1886 display shows it, of R'G'B' of BT.2020 in PQ or HLG.

    Args:
        rgb: ``(h, w, 3)``.
        transfer: ``smpte2084`` or ``arib-std-b67``.
    """
    nits = _pq_nits(np.clip(rgb, 0, 1)) if transfer == "smpte2084" else _hlg_nits(rgb)
    nits = _into_gamut(nits @ _BT2020_TO_BT709.T)
    peak = _over(np.maximum, nits)
    light = nits * (_kept_share(peak) / np.float32(WHITE_NITS))
    shown: _Floats = np.power(np.clip(light, 0, 1), np.float32(1 / _DISPLAY_GAMMA))
    return shown


def _halved(plane: _Floats) -> _Floats:
    """Every other column with its neighbours, mean of every two rows."""
    rows = (plane[0::2] + plane[1::2]) / 2
    padded = np.pad(rows, ((0, 0), (1, 0)), mode="edge")
    halved = (padded[:, 0:-1:2] + 2 * padded[:, 1::2] + padded[:, 2::2]) / 4
    return np.asarray(halved, np.float32)


def _bytes(values: _Floats) -> _Bytes:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _over(ufunc: np.ufunc, rgb: _Floats) -> _Floats:
    """``(h, w, 1)`` of three channels; several times as fast as a reduction over a short axis."""
    found: _Floats = ufunc(ufunc(rgb[..., 0:1], rgb[..., 1:2]), rgb[..., 2:3])
    return found


def _looked_up(table: _Floats, place: _Floats) -> _Floats:
    """Values of an even table at places in [0, 1]."""
    last = len(table) - 1
    return table.take((place * last + np.float32(0.5)).astype(np.int32), mode="clip")


def _pq_nits(code: _Floats) -> _Floats:
    """Light of PQ codes in [0, 1], exact to 0.05 %."""
    return _looked_up(_NITS, code)


def _pq_exact(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    power = np.power(code, 1 / _M2)
    nits: npt.NDArray[np.float64] = 10_000 * np.power(
        np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1
    )
    return nits


def _pq_code(nits: float) -> float:
    power = (nits / 10_000) ** _M1
    return float(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def _hlg_nits(signal: _Floats) -> _Floats:
    signal = np.clip(signal, 0, 1)
    high = (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12
    scene = np.where(signal <= 0.5, signal * signal / 3, high).astype(np.float32)
    luminance = np.maximum(scene @ _BT2020_LUMINANCE, 1e-9)[..., None]
    nits: _Floats = PEAK_NITS * scene * luminance ** np.float32(_SYSTEM_GAMMA - 1)
    return nits


def _kept_share(nits: _Floats) -> _Floats:
    """What the roll-off leaves of light."""
    return _looked_up(_KEPT, np.sqrt(np.sqrt(nits / np.float32(10_000))))


def _into_gamut(light: _Floats) -> _Floats:
    """Linear BT.709 without negative parts: mixed with grey of its luminance, as little as needed."""
    luminance = np.maximum(light @ _BT709_LUMINANCE, 0)[..., None]
    lowest = _over(np.minimum, light)
    share = np.where(lowest < 0, luminance / np.maximum(luminance - lowest, 1e-6), 1)
    kept: _Floats = np.maximum(luminance + share * (light - luminance), 0).astype(np.float32)
    return kept


def _spline(codes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The roll-off of BT.2390 on PQ codes, black at zero."""
    peak = _pq_code(PEAK_NITS)
    largest = _pq_code(WHITE_NITS) / peak
    knee = 1.5 * largest - 0.5
    e = np.minimum(codes / peak, 1)
    t = np.maximum(e - knee, 0) / (1 - knee)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * largest
    )
    rolled: npt.NDArray[np.float64] = np.where(e < knee, e, curve) * peak
    return rolled


def _kept_table() -> _Floats:
    light = 10_000 * np.linspace(0, 1, _TABLE)[1:] ** 4
    powers = (light / 10_000) ** _M1
    codes = ((_C1 + _C2 * powers) / (1 + _C3 * powers)) ** _M2
    return np.concatenate([[1.0], _pq_exact(_spline(codes)) / light]).astype(np.float32)


_NITS = _pq_exact(np.linspace(0, 1, _TABLE)).astype(np.float32)
_KEPT = _kept_table()
