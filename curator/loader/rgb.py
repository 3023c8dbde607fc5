"""Pictures that came as they are coded, to RGB, on whatever device they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from curator.errors import LoaderError

if TYPE_CHECKING:
    import torch

__all__ = ["to_rgb"]


def to_rgb(item: Mapping[str, Any], track: str = "video") -> torch.Tensor:
    """Pictures of an item or a batch that was loaded with ``colours="yuv"``.

    A pixel takes the colour of the chroma sample that it shares with its neighbours, as the fast ways
    of decoders do.

    Args:
        item: with ``TRACK``, ``TRACK_chroma`` and ``TRACK_to_rgb``, all on one device.
        track: ``video``, or another camera.

    Returns:
        uint8 ``(..., frames, 3, height, width)`` on that device. Padding comes out as zeros of luma do.

    Raises:
        LoaderError: ``no-chroma`` when the item has no such planes.
    """
    names = (track, f"{track}_chroma", f"{track}_to_rgb")
    luma, chroma, matrix = (item.get(name) for name in names)
    if luma is None or chroma is None or matrix is None:
        raise LoaderError(
            f"the item has no luma and chroma of '{track}'",
            reason="no-chroma",
            hint='curator.load(..., colours="yuv") gives them',
        )
    height, width = luma.shape[-2:]
    near = chroma.repeat_interleave(2, -2)[..., :height, :].repeat_interleave(2, -1)[..., :width]
    # (3, 4) of each sample against pictures (frames, 3, height, width): one axis each for what comes between.
    weights = matrix[..., None, :, :, None, None]
    rgb: torch.Tensor = weights[..., 3, :, :] + weights[..., 0, :, :] * luma
    for channel in (0, 1):
        rgb += weights[..., 1 + channel, :, :] * near[..., channel : channel + 1, :, :]
    return rgb.round_().clamp_(0, 255).byte()
