"""The project's own simulator: reference, planted variants, reads with artefacts, and a careless caller's VCF.

Feeds the demo, the tests, the benchmarks and a part of the training. Knows numpy, pysam and the
labels' haplotype comparison: neither the pipeline nor any model, so that what it plants cannot lean on what the filter looks for.
"""
