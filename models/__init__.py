"""Networks, their registry and the checkpoint format. Knows torch and numpy; no reads, no variants, no kernels."""
