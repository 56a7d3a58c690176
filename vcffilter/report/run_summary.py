"""What `filter --summary` knows of a run and its VCF does not. Reads the JSON; knows no records."""

from __future__ import annotations

import json

from vcffilter.errors import VcffilterError

_HINT = "Write it with: pileup-filter filter --summary FILE"


def outside_share(path: str) -> float | None:
    """Share of the ALTs that lie outside what the model was trained on; None where the run could not tell.

    Raises VcffilterError where the file is no summary.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        share = content.get("data", {}).get("alleles_outside_training_share")
        return None if share is None else float(share)
    except OSError as error:
        raise VcffilterError(f"cannot be read: {error.strerror}", path=path, hint=_HINT) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise VcffilterError("is no summary of a run", path=path, hint=_HINT) from error
