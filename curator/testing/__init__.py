"""Conformance suites and synthetic footage, shipped for plugin authors."""
