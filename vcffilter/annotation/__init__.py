"""Annotation: from scores to FILTER and INFO, under the modes of design. Knows no reads and no network."""
