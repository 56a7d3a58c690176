"""The project's own simulator: reference, variants, reads with errors and artefacts, a called VCF. For the demo, tests and training."""
