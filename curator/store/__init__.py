"""The memory of all builds: facts by key in one SQLite file, large outputs in files named by their content."""
