"""curator: a declarative build system for the datasets that generative video models learn from."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.loader import collate, load, to_rgb

__version__ = "0.1.0"
__all__ = ["__version__", "collate", "load", "to_rgb"]


def __getattr__(name: str) -> object:
    """``curator.load`` and what goes with it, looked up when used: ``import curator`` stays light."""
    if name in ("collate", "load", "to_rgb"):
        from curator import loader

        return getattr(loader, name)
    raise AttributeError(f"module 'curator' has no attribute '{name}'")
