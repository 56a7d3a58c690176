"""Inspection: do the files of a run fit each other and the model, and does what comes out fit them. Changes no file; a call with its
reads as a new one, for a bug report, is `testcase`."""
