"""Readers of sidecars, one module for a family of formats."""
