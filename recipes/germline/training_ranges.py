"""Ranges of a model's training data: of its site features over the call sets, of its reads over the samples.

python recipes/germline/training_ranges.py illumina-germline illumina nygc-chr21 nygc-chr22 ...

writes models/weights/NAME.ranges.json. The sets are folders of the real data; every caller's VCF in them counts.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vcffilter.files import write_text
from vcffilter.inspection.read_facts import ReadFacts, read_facts
from vcffilter.models.checkpoint import WEIGHTS_DIR, load_checkpoint
from vcffilter.models.training_ranges import TrainingRanges, ranges_path
from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.reader import VariantReader

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "real"
PERCENTILES = (0.2, 99.8)
READ_FACTS = ("read_length", "paired_share", "spliced_share", "indels_per_kb")


def features_of(model: str, folder: Path) -> Iterator[np.ndarray]:
    """Features of every scored ALT of every caller."""
    for variants in sorted(folder.glob("*.vcf.gz")):
        if variants.name == "truth.vcf.gz":
            continue
        reads, reference = str(folder / "reads.bam"), str(folder / "reference.fa.gz")
        scorer = open_scorer(EvidenceOptions(str(variants), (reads,), reference, model=model, allow_ref_mismatch=True))
        with VariantReader(str(variants)) as reader:
            for batch in reader.batches():
                scores = scorer.score(take_chunk(reader.header, batch).alleles)
                if scores.features is not None:
                    yield scores.features[scores.status == 0]
                reader.release(batch)
        scorer.close()


def measured(model: str, platform: str, folders: list[Path]) -> TrainingRanges:
    """The ranges over some sets."""
    names = load_checkpoint(model).metadata.encoder.features
    features = np.concatenate([one for folder in folders for one in features_of(model, folder)])
    low, high = np.percentile(features, PERCENTILES, axis=0)
    facts = [read_facts(str(folder / "reads.bam"), str(folder / "reference.fa.gz")) for folder in folders]
    there = [one for one in facts if isinstance(one, ReadFacts)]
    reads = {name: [getattr(one, name) for one in there] for name in READ_FACTS}
    return TrainingRanges(
        platform,
        {name: (rounded(low[i]), rounded(high[i])) for i, name in enumerate(names)},
        {name: (rounded(min(values)), rounded(max(values))) for name, values in reads.items()},
        tuple(folder.name for folder in folders),
    )


def rounded(value: float) -> float:
    return float(f"{value:.6g}")


def main() -> None:
    model, platform, *sets = sys.argv[1:]
    ranges = measured(model, platform, [DATA / name for name in sets])
    path = ranges_path(WEIGHTS_DIR / f"{model}.safetensors")
    text = json.dumps(ranges.to_json(), indent=1, sort_keys=True)
    write_text(path, re.sub(r"\[\s+([^]]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n")
    print(f"{path}: {len(ranges.features)} features, {ranges.platform}, {len(ranges.sets)} sets")


if __name__ == "__main__":
    main()
