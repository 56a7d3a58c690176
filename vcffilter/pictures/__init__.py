"""A pileup drawn: the reads of a call as the score saw them, for the terminal, as SVG and as PNG. Knows no VCF and no model."""
