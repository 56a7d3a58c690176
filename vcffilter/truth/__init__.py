"""Call sets, truth sets and resources: read, normalised, matched by haplotype. Must not know labels, reports, reads or models."""
