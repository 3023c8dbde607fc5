"""The measures that ship: one file, one idea."""
