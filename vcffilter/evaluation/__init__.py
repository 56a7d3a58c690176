"""Evaluation: calls against truth, before and after filtering and by stratum, and the report of it. Knows no reads' evidence."""
