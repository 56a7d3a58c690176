"""Which threshold holds for an ALT: by type, and by whether many reads informed it. Names and a border; knows no torch."""

from __future__ import annotations

#: From so many informing reads on an ALT is "deep".
DEEP_READS = 21
#: Keys of a model's thresholds: by type, and by type for deep ALTs, which have the first ones' where their own are missing.
THRESHOLD_NAMES = ("snv", "indel", "snv_deep", "indel_deep")
