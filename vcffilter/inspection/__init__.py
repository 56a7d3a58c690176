"""Inspection: do the files of a run fit each other and the model, and does what comes out fit them.

Changes no file. `testcase` writes a new one: a call with its reads, for a bug report.
"""
