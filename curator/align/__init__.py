"""Tracks of a sample on one clock: read from sidecars, measured against the video, repaired, resampled."""
