"""The one place that holds the version; imports nothing, so that `--version` and the build read it at once."""

__version__ = "0.2.0"
