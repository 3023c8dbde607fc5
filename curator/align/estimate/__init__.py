"""Aligners: what measures the offset of a track."""
