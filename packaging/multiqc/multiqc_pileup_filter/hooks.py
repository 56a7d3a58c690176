"""What MultiQC must know before it reads its user's settings: how the files are found and where the section stands."""

from __future__ import annotations

from multiqc import config

#: The module's id, and the name of its search pattern, which a user's `sp:` may replace.
MODULE_ID = "pileup_filter"
#: Modules whose place in the report is beside ours: the first that is there.
_NEIGHBOURS = ("gatk", "bcftools")
#: Ends of file names that are no part of a sample's name.
_ENDINGS = (".pileup_filter", ".summary")


def before_config() -> None:
    """Called by MultiQC before it reads the user's settings, which therefore win."""
    config.sp.setdefault(
        MODULE_ID, {"fn": "*.json", "contents": '"report": "pileup-filter filter summary"', "num_lines": 10}
    )
    for ending in _ENDINGS:
        pattern = {"type": "truncate", "pattern": ending, "module": MODULE_ID}
        if pattern not in config.fn_clean_exts:
            config.fn_clean_exts.append(pattern)
    place = next((config.module_order.index(name) for name in _NEIGHBOURS if name in config.module_order), None)
    if place is not None and MODULE_ID not in config.module_order:
        config.module_order.insert(place, MODULE_ID)
