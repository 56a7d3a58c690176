"""Plain, slow twins of the kernels: strings, lists and dictionaries, one allele at a time, nothing shared with the kernels' code.

Written from what the kernels are meant to do. Nothing here knows of chunks: every allele sees the whole contig and all reads over
it, so that agreement with the kernels also shows that their results do not depend on how alleles were put into chunks.
"""
