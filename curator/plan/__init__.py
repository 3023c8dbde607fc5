"""The compiler: from a recipe to what must be known, in which order."""
