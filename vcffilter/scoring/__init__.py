"""Scoring: a loaded model in fixed-shape batches on one device, why an ALT looks false, what others' reads make of it. No VCF."""
