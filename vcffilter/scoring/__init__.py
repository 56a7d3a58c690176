"""Scoring: a loaded model in fixed-shape batches on one device, and why an ALT looks false. Knows no VCF and no reads."""
