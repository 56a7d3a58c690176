"""Which ALTs stand beside another of the same caller."""

from several_alts import places_of_several

from vcffilter.training.dataset import allele_number


def row(pos: int, ref: str, alt: str, callers: str) -> dict[str, str]:
    return {"chrom": "c", "pos": str(pos), "ref": ref, "alt": alt, "callers": callers}


def test_another_alt_counts_where_one_caller_wrote_both():
    rows = [row(5, "A", "C", "x,y"), row(5, "A", "G", "y"), row(9, "T", "C", "x"), row(9, "TA", "T", "y")]
    assert places_of_several(rows) == {("c", 4, allele_number("A", "C")), ("c", 4, allele_number("A", "G"))}
