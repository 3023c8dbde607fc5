"""Whether a release is what it says: files, rows, media, tracks and, where they can be had, sources."""

from curator.release.verify.faults import Fault, Verification
from curator.release.verify.release import verify

__all__ = ["Fault", "Verification", "verify"]
