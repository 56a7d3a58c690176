"""The flow: records in, chunks, scores, records out, in input order, with bounded memory."""
