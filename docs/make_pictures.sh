#!/usr/bin/env bash
# Makes the pictures of README and docs anew (those of pages: docs/make_screenshots.py): a simulated sample through the whole filter, its two calls drawn. Run from the project's root.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pileup-filter demo -o "$work/demo" > /dev/null
mkdir -p docs/pictures
cp "$work/demo/failed.png" "$work/demo/kept.png" docs/pictures/
# The record of the failed call, CHROM to INFO, for README (benchmarks/readme_figures.py).
place=$(pileup-filter show "$work/demo/filtered.vcf.gz" --failed 1 -b "$work/demo/reads.bam" -f "$work/demo/reference.fa" | head -n 1 | cut -d' ' -f1)
zcat "$work/demo/filtered.vcf.gz" | awk -v place="$place" -F '\t' '!/^#/ && $1 ":" $2 == place' | cut -f 1-8 > docs/pictures/failed.txt
