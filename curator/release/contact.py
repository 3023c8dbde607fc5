"""The contact sheet that the card shows: one picture of each of a few kept clips, as one JPEG."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from curator.model.clip import Decision
from curator.model.span import Span
from curator.release.content import ReleaseContent

__all__ = ["contact_sheet"]

_COLUMNS, _MOST_ROWS = 6, 5
_CELL = (108, 192)
"""Height and width, px."""
_GAP = 4
_QUALITY = 82


def contact_sheet(content: ReleaseContent) -> bytes | None:
    """Up to 30 kept clips, spread evenly over all in order of video and time; None without a picture.

    The same content gives the same bytes.
    """
    cells = [cell for one in _chosen(content) if (cell := _cell(content, *one)) is not None]
    if not cells:
        return None
    rows = [cells[at : at + _COLUMNS] for at in range(0, len(cells), _COLUMNS)]
    (height, width), columns = _CELL, min(len(cells), _COLUMNS)
    sheet = np.full(
        (len(rows) * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255, np.uint8
    )
    for down, row in enumerate(rows):
        for across, cell in enumerate(row):
            y, x = _GAP + down * (height + _GAP), _GAP + across * (width + _GAP)
            sheet[y : y + height, x : x + width] = cell
    done, jpeg = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done, "a picture of this size can be written"
    return bytes(jpeg)


def _chosen(content: ReleaseContent) -> Sequence[tuple[str, Span]]:
    kept = sorted(
        (outcome.ref.url, row.span, outcome.fingerprint)
        for outcome in content.outcomes
        for row in outcome.rows
        if row.decision is Decision.kept and outcome.fingerprint is not None
    )
    most = _COLUMNS * _MOST_ROWS
    if len(kept) > most:
        kept = [kept[index * len(kept) // most] for index in range(most)]
    return [(fingerprint, span) for _, span, fingerprint in kept]


def _cell(content: ReleaseContent, fingerprint: str, span: Span) -> npt.NDArray[np.uint8] | None:
    """The middle picture of a clip, whole, on black."""
    pictures = content.posters(fingerprint, span)
    if not pictures:
        return None
    data = np.frombuffer(pictures[len(pictures) // 2], np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    scale = min(_CELL[0] / height, _CELL[1] / width)
    high, wide = (max(1, round(side * scale)) for side in (height, width))
    cell = np.zeros((*_CELL, 3), np.uint8)
    y, x = (_CELL[0] - high) // 2, (_CELL[1] - wide) // 2
    cell[y : y + high, x : x + wide] = cv2.resize(
        picture, (wide, high), interpolation=cv2.INTER_AREA
    )
    return cell
