"""How many records a file holds, as its index says: for a line of progress. Reads no record."""

from __future__ import annotations

import os


def indexed_record_count(path: str) -> int | None:
    """Records of a VCF or BCF by its index; None where there is no index, or one that counts nothing."""
    import cyvcf2

    if not any(os.path.exists(path + ending) for ending in (".tbi", ".csi")):
        return None
    try:
        return int(cyvcf2.VCF(path).num_records)
    except (OSError, ValueError):
        return None
