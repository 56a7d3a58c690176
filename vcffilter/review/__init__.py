"""Manual review on a local page: one call at a time with its reads, verdicts kept as they are given, labels out of them."""
