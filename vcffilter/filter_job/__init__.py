"""The whole job of `filter`, from options to a summary: what the command line, the Python API and the server share."""
