"""Evaluation: metrics before and after filtering, by stratum, and calibration of a model on labelled calls."""
