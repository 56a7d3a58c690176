"""Inspection: do the files of a run fit each other and the model, and does what comes out fit them. Changes nothing."""
