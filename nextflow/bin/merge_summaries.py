#!/usr/bin/env python3
"""One summary of the summaries of a call set's shards, for the report about samples: counts are added, warnings said once."""

import json
import sys
from typing import Any

#: Of these the largest of any shard counts; all other numbers are added.
_LARGEST = ("peak_memory_bytes", "threads")
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
        scored, outside = result["alleles"]["scored"], result["data"]["alleles_outside_training"]
        result["data"]["alleles_outside_training_share"] = round(outside / scored, 6) if scored else 0.0
    # Not a part of the calls any more.
    return {**result, "part": None, "shards": len(summaries)}


def _facts(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Of the same reads; the features that are unlike in any shard."""
    seen = left["unlike_features"]
    return {
        **left,
        "unlike_features": seen + [name for name in right["unlike_features"] if name not in seen],
        "alleles_outside_training": left["alleles_outside_training"] + right["alleles_outside_training"],
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


def _main(paths: list[str]) -> None:
    summaries = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            summaries.append(json.load(file))
    json.dump(merged(summaries), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    _main(sys.argv[1:])
