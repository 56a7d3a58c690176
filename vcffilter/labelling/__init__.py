"""Labels: which called alleles are real, by comparing haplotypes with a truth set. Must not know reads, features or networks."""
