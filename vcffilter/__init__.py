"""Streaming post-filter for the VCF of any variant caller. See docs/ for the method and the output keys."""

from vcffilter.version import __version__

__all__ = ["__version__"]
