import io

import pytest

from vcffilter.errors import VariantFileError
from vcffilter.labelling.annotated import label_annotated

HEAD = "##fileformat=VCFv4.2\n##contig=<ID=one,length=100>\n"
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
GA4GH = GT + "".join(GT.replace("ID=GT", f"ID={key}") for key in ("BD", "BK", "BVT"))
CALL = "".join(f'##INFO=<ID={key},Number=1,Type=String,Description="x">\n' for key in ("CALL", "BASE"))
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def labels(tmp_path, text, **options):
    path = tmp_path / "annotated.vcf"
    path.write_text(text)
    output = io.StringIO()
    label_annotated(path, output, **options)
    return [tuple(row.split("\t")[1:5]) for row in output.getvalue().splitlines()[1:]]


def vcfeval(*rows):
    body = "".join(f"one\t{pos}\t.\tA\t{alt}\t.\t.\t{info}\n" for pos, alt, info in rows)
    return HEAD + CALL + COLUMNS + "\n" + body


def ga4gh(*rows):
    body = "".join(f"one\t{pos}\t.\tA\t{alt}\t.\t.\t.\tGT:BD:BK:BVT\t{truth}\t{query}\n" for pos, alt, truth, query in rows)
    return HEAD + GA4GH + COLUMNS + "\tFORMAT\tTRUTH\tQUERY\n" + body


def test_vcfeval_annotate(tmp_path):
    verdicts = ("CALL=TP", "CALL=FP", "CALL=FP_CA", "CALL=OUT", "BASE=FN")
    text = vcfeval(*((pos1, "G", verdict) for pos1, verdict in enumerate(verdicts, start=1)))
    assert labels(tmp_path, text) == [
        ("1", "A", "G", "TP"),
        ("2", "A", "G", "FP"),
        ("3", "A", "G", "TP"),
        ("4", "A", "G", "OUT"),
    ]
    assert labels(tmp_path, text, match_genotypes=True)[2][3] == "FP"


def test_happy_ga4gh(tmp_path):
    text = ga4gh(
        (1, "G", "0/1:TP:gm:SNP", "0/1:TP:gm:SNP"),
        (2, "G", "0/1:FN:am:SNP", "1/1:FP:am:SNP"),
        (3, "G", ".:.:.:NOCALL", "0/1:FP:lm:SNP"),
        (4, "G", ".:.:.:NOCALL", "0/1:UNK:.:SNP"),
        (5, "G", "0/1:FN:.:SNP", ".:.:.:NOCALL"),
    )
    assert [row[3] for row in labels(tmp_path, text)] == ["TP", "TP", "FP", "OUT"]
    assert [row[3] for row in labels(tmp_path, text, match_genotypes=True)] == ["TP", "FP", "FP", "OUT"]


def test_only_alts_that_the_genotype_carries_are_labelled(tmp_path):
    text = ga4gh((1, "G,T", ".:.:.:NOCALL", "0/2:TP:gm:SNP"))
    assert labels(tmp_path, text) == [("1", "A", "G", "."), ("1", "A", "T", "TP")]


def test_a_plain_vcf_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(VariantFileError, match="--truth"):
        labels(tmp_path, HEAD + COLUMNS + "\n")
