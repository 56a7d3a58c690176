"""numba kernels: htslib bridge, pileup encoder, site features. Arrays in, arrays out; no files, no torch."""
