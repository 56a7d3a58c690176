"""How many records a file holds, as its index says: for a line of progress. Reads no record."""

from __future__ import annotations

import os

from vcffilter.index_file import damage


def indexed_record_count(path: str) -> int | None:
    """Records of a VCF or BCF by its index; None where there is no index, or one that counts nothing."""
    import cyvcf2

    indexes = [path + ending for ending in (".tbi", ".csi") if os.path.exists(path + ending)]
    try:
        if not indexes or any(damage(index) for index in indexes):
            return None
        return int(cyvcf2.VCF(path).num_records)
    except (OSError, ValueError):
        return None
