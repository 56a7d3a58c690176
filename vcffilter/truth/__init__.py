"""Call sets and truth sets: read, normalised and matched by haplotype. Must not know labels files, reports, reads or models."""
