"""Labels: which called alleles are real, by comparing haplotypes with a truth set. Knows no reads or model."""
