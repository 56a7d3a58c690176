"""Streaming post-filter for the VCF of any variant caller. See docs/ for the method and the output keys."""

from typing import TYPE_CHECKING

from vcffilter.version import __version__

if TYPE_CHECKING:
    from vcffilter.api import Filter, Scores

__all__ = ["Filter", "Scores", "__version__"]


def __getattr__(name: str) -> object:
    """The public classes, imported when they are first asked for: the command line starts without them."""
    if name in ("Filter", "Scores"):
        from vcffilter import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
