"""Labels: which called alleles are true, by comparing haplotypes with a truth set inside confident regions."""
