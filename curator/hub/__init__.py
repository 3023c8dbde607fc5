"""Releases where others find them: published, versioned, pulled and taken back."""
