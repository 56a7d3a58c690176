"""Cuts an SBOM of a whole environment down to what vcffilter brings: itself, with its wheel's hash, and what it depends on.

usage: sbom.py ENVIRONMENT.json WHEEL OUT.json (CycloneDX JSON)
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any


def cut(content: dict[str, Any], name: str, wheel: Path) -> dict[str, Any]:
    """The SBOM whose root is the component `name`; components that it does not need, directly or not, are left out."""
    by_ref = {one["bom-ref"]: one for one in content["components"]}
    needs = {one["ref"]: one.get("dependsOn", []) for one in content["dependencies"]}
    root = next(ref for ref, one in by_ref.items() if one["name"] == name)
    wanted, waiting = set(), [root]
    while waiting:
        ref = waiting.pop()
        if ref not in wanted:
            wanted.add(ref)
            waiting += needs.get(ref, [])
    own = by_ref[root]
    # What pip notes of a local wheel is a path of this machine.
    own.pop("externalReferences", None)
    own["type"] = "application"
    own["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    content["metadata"]["component"] = own
    content["components"] = [one for ref, one in by_ref.items() if ref in wanted - {root}]
    content["dependencies"] = [one for one in content["dependencies"] if one["ref"] in wanted]
    return content


def main() -> None:
    """Read, cut, write."""
    source, wheel, target = map(Path, sys.argv[1:4])
    content = cut(json.loads(source.read_text()), "vcffilter", wheel)
    target.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
