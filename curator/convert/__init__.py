"""Releases in the layouts of other tools."""
