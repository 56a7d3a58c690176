"""CIGAR operations and flags of SAM (specification 1.4), under their names. Plain numbers: kernels take them as constants."""

from __future__ import annotations

#: Operations, by their codes in BAM: M, I, D, N, S, H, P, =, X.
MATCH, INSERTION, DELETION, SKIP, SOFT_CLIP, HARD_CLIP, PADDING, SEQUENCE_MATCH, MISMATCH = range(9)
#: A base of the read lies on one of the reference; callers and aligners write it as M or as = and X.
ALIGNED = (MATCH, SEQUENCE_MATCH, MISMATCH)
#: Steps along the reference, and along the read's bases.
ON_REFERENCE = (*ALIGNED, DELETION, SKIP)
IN_READ = (*ALIGNED, INSERTION, SOFT_CLIP)
#: Steps along the one and not along the other.
REFERENCE_ONLY = (DELETION, SKIP)
READ_ONLY = (INSERTION, SOFT_CLIP)
INDEL = (INSERTION, DELETION)

FLAG_PAIRED = 1
FLAG_PROPER_PAIR = 2
FLAG_MATE_UNMAPPED = 8
FLAG_REVERSE = 16
FLAG_FIRST_OF_PAIR = 64
FLAG_LAST_OF_PAIR = 128
FLAG_SUPPLEMENTARY = 2048
#: Unmapped, secondary, failed by the sequencer, duplicate.
FLAGS_LEFT_OUT = 4 | 256 | 512 | 1024
