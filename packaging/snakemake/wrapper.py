"""Snakemake wrapper for pileup-filter."""

__author__ = "the vcffilter authors"
__copyright__ = "Copyright 2026, the vcffilter authors"
__license__ = "MIT"

import shlex

from snakemake.shell import shell

reads = snakemake.input.reads
reads = [reads] if isinstance(reads, str) else list(reads)
output = snakemake.output[0]
output_type = {"bcf": "b", "vcf": "v"}.get(output.rsplit(".", 1)[-1], "z")

arguments = [
    "pileup-filter",
    "filter",
    snakemake.input.calls,
    *(word for path in reads for word in ("--reads", path)),
    "--reference",
    snakemake.input.ref,
    "--threads",
    str(snakemake.threads),
    "--output-type",
    output_type,
    "--output",
    output,
]
if snakemake.input.get("model"):
    arguments += ["--model", snakemake.input.model]
if snakemake.params.get("regions"):
    arguments += ["--regions", snakemake.params.regions]
if snakemake.output.get("summary"):
    arguments += ["--summary", snakemake.output.summary]
if snakemake.output.get("index"):
    arguments.append("--write-index=" + snakemake.output.index.rsplit(".", 1)[-1])

extra = snakemake.params.get("extra", "")
log = snakemake.log_fmt_shell(stdout=True, stderr=True)
shell(f"{shlex.join(arguments)} {extra} {log}")
