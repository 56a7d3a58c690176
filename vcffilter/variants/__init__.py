"""Variant records in and out: reading VCF/BCF in order, which ALTs can be scored, writing. Knows no reads and no network."""
