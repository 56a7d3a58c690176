"""Aligned reads: opening BAM/CRAM, samples and contigs, the reads of a chunk as flat arrays. Knows no variants' files."""
