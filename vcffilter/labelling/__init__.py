"""Labels files: which called alleles are real, by truth or without, written and read. Knows no model; matching is truth's."""
