"""Labels out of what RTG vcfeval, hap.py or aardvark already wrote. Must not compare alleles itself.

Understood are INFO/CALL (vcfeval --output-mode annotate or combine) and the GA4GH fields FORMAT/BD and BK
(vcfeval --output-mode ga4gh, hap.py, aardvark), per record: a record with several ALTs has one verdict,
given to every ALT that its genotype carries.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TextIO

import pysam

from vcffilter.errors import VariantFileError
from vcffilter.labelling.files import COLUMNS, write_row
from vcffilter.truth.labeller import FALSE_POSITIVE, NOT_LABELLED, OUTSIDE, TRUE_POSITIVE, AlleleLabel
from vcffilter.truth.normalise import is_sequence
from vcffilter.truth.truth_files import CalledAllele, each_record, open_variants

#: INFO/CALL of vcfeval. FP_CA: the allele is right and the genotype is not.
_CALL_LABELS = {"TP": TRUE_POSITIVE, "FP": FALSE_POSITIVE, "OUT": OUTSIDE}
#: FORMAT/BD of the GA4GH benchmarking format.
_DECISION_LABELS = {"TP": TRUE_POSITIVE, "FP": FALSE_POSITIVE, "N": OUTSIDE, "UNK": OUTSIDE}
_QUERY_NAMES = ("QUERY", "CALLS", "CALL")


def label_annotated(path: str | Path, output: TextIO, match_genotypes: bool = False) -> Counter[str]:
    """Write one line per ALT of an annotated VCF; return how many alleles got each label.

    match_genotypes: a right allele with a wrong genotype (CALL=FP_CA; BD=FP with BK=am) is FP, otherwise TP.
    Records of the truth alone (no verdict on the call) are left out. Raises VariantFileError when the file
    has no such annotation.
    """
    counts: Counter[str] = Counter()
    with open_variants(path) as variants:
        header = variants.header
        if "BD" not in header.formats and "CALL" not in header.info:
            raise VariantFileError(
                "has neither FORMAT/BD nor INFO/CALL: no comparison program annotated it",
                path=str(path),
                hint="Give --truth and -f to compare it here",
            )
        sample = query_sample(list(header.samples))
        output.write("\t".join(COLUMNS) + "\n")
        for number, record in enumerate(each_record(path, iter(variants)), start=1):
            label = _record_label(record, sample, match_genotypes)
            if label is None:
                continue
            carried = _carried(record, sample)
            for alt_number, alt in enumerate(record.alts or (), start=1):
                usable = is_sequence(alt.upper()) and (not carried or alt_number in carried)
                given = AlleleLabel(label if usable else NOT_LABELLED, "annotated")
                counts[given.label] += 1
                item = CalledAllele(record.chrom, record.pos, record.ref or "", alt, number, alt_number)
                write_row(output, item, given)
    return counts


def query_sample(names: list[str]) -> str | None:
    """The sample that holds the calls: QUERY (hap.py, ga4gh), CALLS (vcfeval combine), otherwise the last."""
    for name in _QUERY_NAMES:
        if name in names:
            return name
    return names[-1] if names else None


def _record_label(record: pysam.VariantRecord, sample: str | None, match_genotypes: bool) -> str | None:
    wrong_genotype = FALSE_POSITIVE if match_genotypes else TRUE_POSITIVE
    if sample is not None and "BD" in record.format:
        values = record.samples[sample]
        if values.get("BD") == "FP" and values.get("BK") == "am":
            return wrong_genotype
        if values.get("BD") in _DECISION_LABELS:
            return _DECISION_LABELS[values["BD"]]
    # pysam raises on a key that the header does not declare.
    call = record.info.get("CALL") if "CALL" in record.header.info else None
    if call == "FP_CA":
        return wrong_genotype
    return _CALL_LABELS.get(call) if isinstance(call, str) else None


def _carried(record: pysam.VariantRecord, sample: str | None) -> set[int]:
    if sample is None or "GT" not in record.format:
        return set()
    return {index for index in record.samples[sample].allele_indices or () if index}
