"""curator: a declarative build system for the datasets that generative video models learn from."""

__version__ = "0.1.0"
