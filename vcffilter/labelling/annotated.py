"""Labels out of what RTG vcfeval, hap.py or aardvark already wrote. Must not compare alleles itself.

Understood are INFO/CALL (vcfeval --output-mode annotate or combine) and the GA4GH fields FORMAT/BD and BK
(vcfeval --output-mode ga4gh, hap.py, aardvark), per record: a record with several ALTs has one verdict,
given to every ALT that its genotype carries.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, TextIO

from vcffilter.errors import VariantFileError
from vcffilter.labelling.files import COLUMNS, write_row
from vcffilter.truth.call_sets import CalledAllele, carried_alts
from vcffilter.truth.labeller import FALSE_POSITIVE, NOT_LABELLED, OUTSIDE, TRUE_POSITIVE, AlleleLabel
from vcffilter.truth.normalise import is_sequence
from vcffilter.truth.variant_file import VariantFile

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
    with VariantFile(path) as variants:
        if "BD" not in variants.format_keys and "CALL" not in variants.info_keys:
            raise VariantFileError(
                "has neither FORMAT/BD nor INFO/CALL: no comparison program annotated it",
                path=str(path),
                hint="Give --truth and -f to compare it here",
            )
        has_sample = variants.choose_sample(query_sample(variants.samples)) is not None
        reads_call = "CALL" in variants.info_keys
        output.write("\t".join(COLUMNS) + "\n")
        for number, record in enumerate(variants.records(), start=1):
            label = _record_label(record, has_sample, reads_call, match_genotypes)
            if label is None:
                continue
            carried = carried_alts(record) if has_sample else set()
            contig, pos1 = record.CHROM, record.POS
            ref, alts = variants.alleles_of(record, number)
            for alt_number, alt in enumerate(alts, start=1):
                usable = is_sequence(alt.upper()) and (not carried or alt_number in carried)
                given = AlleleLabel(label if usable else NOT_LABELLED, "annotated")
                counts[given.label] += 1
                write_row(output, CalledAllele(contig, pos1, ref, alt, number, alt_number), given)
    return counts


def query_sample(names: list[str]) -> str | None:
    """The sample that holds the calls: QUERY (hap.py, ga4gh), CALLS (vcfeval combine), otherwise the last."""
    for name in _QUERY_NAMES:
        if name in names:
            return name
    return names[-1] if names else None


def _record_label(record: Any, has_sample: bool, reads_call: bool, match_genotypes: bool) -> str | None:
    wrong_genotype = FALSE_POSITIVE if match_genotypes else TRUE_POSITIVE
    decision = _of_sample(record, "BD") if has_sample else None
    if decision == "FP" and _of_sample(record, "BK") == "am":
        return wrong_genotype
    if decision in _DECISION_LABELS:
        return _DECISION_LABELS[decision]
    # A key that the header does not declare may be of any type.
    call = record.INFO.get("CALL") if reads_call else None
    if call == "FP_CA":
        return wrong_genotype
    return _CALL_LABELS.get(call) if isinstance(call, str) else None


def _of_sample(record: Any, key: str) -> str | None:
    """The chosen sample's value of a text key in FORMAT."""
    values = record.format(key) if key in record.FORMAT else None
    return None if values is None else str(values[0])
