#!/usr/bin/env python3
"""One summary of the summaries of a call set's shards: counts are added, warnings said once. To stdout.

merge_summaries.py [--allow-unscored] FILE...

A shard may lie where there are no reads, so shards are not judged; the whole call set is, as `pileup-filter filter` judges a run:
exit code 1 where nearly nothing could be scored, unless --allow-unscored is given.
"""

import json
import sys
from typing import Any

#: Of these the largest of any shard counts; all other numbers are added.
_LARGEST = ("peak_memory_bytes", "threads")
#: ALTs before a call set is judged, and the share of them that must be scored (vcffilter/inspection/unscored.py).
_FEWEST_ALTS, _LEAST_SHARE = 100, 0.02
#: Why ALTs that could be scored were not.
_UNSCORED = ("no_reads", "contig_missing", "ref_mismatch")
#: One value for all shards.
_SAME = ("report", "report_version", "program_version", "model", "thresholds", "calls", "samples", "read_samples")


def merged(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary of all shards, in the form of one run's."""
    result: dict[str, Any] = {}
    for summary in summaries:
        for key, value in summary.items():
            if key not in result or key in _SAME:
                result.setdefault(key, value)
            elif key == "warnings":
                result[key] = result[key] + [warning for warning in value if warning not in result[key]]
            elif key == "data":
                result[key] = _facts(result[key], value)
            elif key in _LARGEST:
                result[key] = max(result[key], value)
            else:
                result[key] = _added(result[key], value)
    seconds = result.get("seconds", {}).get("elapsed", 0)
    if seconds and "records_per_second" in result:
        result["records_per_second"] = round(result["records"]["total"] / seconds, 1)
    if "data" in result:
        scored, outside = result["alleles"].get("scored", 0), result["data"].get("alleles_outside_training", 0)
        result["data"]["alleles_outside_training_share"] = round(outside / scored, 6) if scored else 0.0
    # Not a part of the calls any more.
    return {**result, "part": None, "shards": len(summaries)}


def _facts(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Of the same reads; the features that are unlike in any shard."""
    seen = left.get("unlike_features", [])
    outside = [facts.get("alleles_outside_training", 0) for facts in (left, right)]
    return {
        **right,
        **left,
        "unlike_features": seen + [name for name in right.get("unlike_features", []) if name not in seen],
        "alleles_outside_training": sum(outside),
    }


def _added(left: Any, right: Any) -> Any:
    if isinstance(left, dict) and isinstance(right, dict):
        both = {key: _added(left[key], right[key]) for key in left if key in right}
        return {**left, **right, **both}
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [_added(one, other) for one, other in zip(left, right, strict=True)]
    if isinstance(left, int | float) and isinstance(right, int | float) and not isinstance(left, bool):
        return round(left + right, 3)
    return left


def complaint(summary: dict[str, Any]) -> str | None:
    """What is wrong with a call set of which nearly nothing was scored."""
    n_scored = summary["alleles"].get("scored", 0)
    n_alts = n_scored + sum(summary["alleles"].get(status, 0) for status in _UNSCORED)
    if n_alts < _FEWEST_ALTS or n_scored >= _LEAST_SHARE * n_alts:
        return None
    why = ", ".join(f"{status} {summary['alleles'][status]}" for status in _UNSCORED if status in summary["alleles"])
    hint = "Do calls, reads and FASTA belong together? pileup-filter check says; --allow-unscored takes it as meant"
    return f"{n_scored} of {n_alts} ALTs could be scored ({why}). {hint}"


def _main(arguments: list[str]) -> int:
    paths = [argument for argument in arguments if argument != "--allow-unscored"]
    summaries = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            summaries.append(json.load(file))
    whole = merged(summaries)
    json.dump(whole, sys.stdout, indent=2)
    sys.stdout.write("\n")
    wrong = None if "--allow-unscored" in arguments else complaint(whole)
    if wrong is not None:
        sys.stderr.write(f"{whole.get('calls', 'calls')}: {wrong}\n")
    return int(wrong is not None)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
