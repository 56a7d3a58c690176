"""`python -m vcffilter` is `pileup-filter`, of an installed package: in a mere clone kernels and models lie elsewhere."""

import sys
from importlib.util import find_spec
from pathlib import Path


def _missing() -> str:
    """What is not there of all that an installation brings; empty when nothing is missing."""
    needed = ("click", "numpy", "vcffilter.kernels", "vcffilter.models")
    return ", ".join(name for name in needed if find_spec(name) is None)


if __name__ == "__main__":
    if missing := _missing():
        folder = Path(__file__).resolve().parents[1]
        what = f"{folder} is not installed ({missing} cannot be found)"
        sys.exit(f"pileup-filter: error: {what}. Install it with: pip install -e {folder}")
    from vcffilter.commands.main import program

    sys.exit(program())
