#!/usr/bin/env bash
# Makes docs/pictures/multiqc.png anew: simulated samples, filtered, MultiQC over their summaries, the page in a browser.
# Run from the project's root with pileup-filter, multiqc (with packaging/multiqc) and chromium on PATH. Needs about two minutes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/summaries"
sample() { # NAME PRESET DEPTH FILTER-OPTIONS...
  local name=$1 folder=$work/$1
  pileup-filter simulate -o "$folder" --sample "$name" --preset "$2" --depth "$3" --seed "${#name}" --length 60000 --artefacts 2
  pileup-filter filter "$folder/calls.vcf.gz" -b "$folder/reads.bam" -f "$folder/reference.fa" -q "${@:4}" \
    -o /dev/null --summary "$work/summaries/$name.summary.json"
}
sample whole novaseq 30
sample thin novaseq 8
sample hiseq hiseq 40
sample hifi hifi 30 --model auto
sample nanopore ont 30
multiqc --quiet --no-ansi -o "$work/report" "$work/summaries"
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update \
  --disable-sync --user-data-dir="$work/browser" --window-size=1500,2950 --virtual-time-budget=20000 --hide-scrollbars \
  --screenshot="$work/page.png" "file://$work/report/multiqc_report.html" 2> "$work/browser.log" || { cat "$work/browser.log" >&2; exit 1; }
python3 - "$work/page.png" docs/pictures/multiqc.png <<'PYTHON'
import sys

from PIL import Image

page = Image.open(sys.argv[1]).convert("RGB")
page.resize((page.width * 2 // 3, page.height * 2 // 3), Image.Resampling.LANCZOS).quantize(255).save(sys.argv[2], optimize=True)
PYTHON
