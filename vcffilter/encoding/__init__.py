"""Encoding: from a chunk of alleles and its reads to the arrays a model declares. Knows no files and no network."""
