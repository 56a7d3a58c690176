#!/usr/bin/env bash
# Makes docs/pictures/nextflow-report.png anew: two simulated samples through the workflow, two tasks
# each, and Nextflow's report in a browser.
# Run from the project's root with pileup-filter, samtools, bcftools, Java, Maven and chromium on PATH. Needs about two minutes.
set -euo pipefail
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "sample,vcf,reads" > "$work/samplesheet.csv"
reference=
for name in child mother; do
  pileup-filter simulate -o "$work/$name" --sample "$name" --seed "${#name}" --length 30000 --depth 30 ${reference:+-f "$reference"}
  reference=$work/child/reference.fa
  echo "$name,$name/calls.vcf.gz,$name/reads.bam" >> "$work/samplesheet.csv"
done
cp -r nextflow "$work/nextflow"
cd "$work"
"$root/.ci/nextflow" run nextflow/main.nf -profile test --input samplesheet.csv --fasta child/reference.fa --scatter 2 --skip_multiqc
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update \
  --disable-sync --user-data-dir="$work/browser" --window-size=1300,2090 --virtual-time-budget=20000 --hide-scrollbars \
  --screenshot="$work/page.png" "file://$work/results/pipeline_info/report.html" 2> "$work/browser.log" || { cat "$work/browser.log" >&2; exit 1; }
cd "$root"
mkdir -p docs/pictures
python3 - "$work/page.png" docs/pictures/nextflow-report.png <<'PYTHON'
import sys

from PIL import Image

page = Image.open(sys.argv[1]).convert("RGB")
page.resize((page.width * 2 // 3, page.height * 2 // 3), Image.Resampling.LANCZOS).quantize(255).save(sys.argv[2], optimize=True)
PYTHON
