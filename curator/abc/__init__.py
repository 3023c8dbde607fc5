"""The contracts that plugins implement. Small, typed, and checked by `curator.testing`."""
