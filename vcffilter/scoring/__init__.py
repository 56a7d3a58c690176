"""Scoring: a loaded model in fixed-shape batches on one device, and calibration. Knows no VCF and no reads."""
