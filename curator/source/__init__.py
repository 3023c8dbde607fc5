"""Footage by name: which videos a recipe means, what they are by content, and where to read them."""
