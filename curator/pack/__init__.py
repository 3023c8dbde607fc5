"""Samples into files."""
