"""Why a model says what it says of an allele, in numbers that add up. Must not know records' files or write FILTER."""
