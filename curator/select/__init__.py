"""Which clips are alike, and how many of a kind are enough: pure functions of arrays."""
