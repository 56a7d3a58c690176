"""`python -m vcffilter` is `pileup-filter`."""

import sys

from vcffilter.commands.main import run

if __name__ == "__main__":
    sys.exit(run())
