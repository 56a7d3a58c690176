"""Labels files: which called alleles are real, written and read. Knows no reads or model, and leaves matching to truth."""
