"""Frozen records that every layer shares. They know nothing of files, processes or recipes."""
