"""MultiQC plugin for the summaries of `pileup-filter filter`."""

from multiqc_pileup_filter.module import MultiqcModule

__all__ = ["MultiqcModule"]
