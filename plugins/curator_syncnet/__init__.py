"""SyncNet: whether a voice goes with the lips in view, and how late it is, by the published network.

Own code around the published facts; the weights are not part of it and are loaded only when a
recipe says from where. `README.md` says under which licence they are.
"""

from __future__ import annotations

from curator_syncnet.aligner import SyncNetAligner
from curator_syncnet.measure import SyncNet

__all__ = ["SyncNet", "SyncNetAligner"]
