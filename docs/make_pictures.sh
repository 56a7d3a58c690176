#!/usr/bin/env bash
# Makes the pictures of README and docs anew: a simulated sample through the whole filter, its two calls drawn, the failed one explained,
# and explained by a small network that is trained on the sample's own labels. Run from the project's root.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pileup-filter demo -o "$work/demo" > /dev/null
mkdir -p docs/pictures
cp "$work/demo/failed.png" "$work/demo/kept.png" docs/pictures/
# The record of the failed call, CHROM to INFO, for README (benchmarks/readme_figures.py).
reads=(-b "$work/demo/reads.bam" -f "$work/demo/reference.fa")
place=$(pileup-filter show "$work/demo/filtered.vcf.gz" --failed 1 "${reads[@]}" | head -n 1 | cut -d' ' -f1)
zcat "$work/demo/filtered.vcf.gz" | awk -v place="$place" -F '\t' '!/^#/ && $1 ":" $2 == place' | cut -f 1-8 > docs/pictures/failed.txt
pileup-filter explain "$work/demo/filtered.vcf.gz" "$place" "${reads[@]}" -q --format png -o "$work/trees" > /dev/null
cp "$work"/trees/*_explained.png docs/pictures/explain.png
# A network that looks at the pileup: it learns on the sample itself, which is enough for a picture and for nothing else.
pileup-filter examples "$work/demo/calls.vcf.gz" "${reads[@]}" --labels "$work/demo/calls.labels.tsv" --rows 33 --columns 33 -q -o "$work/examples.h5"
contig=${place%%:*}
cat > "$work/network.yaml" << YAML
model_id: picture-network
data: [examples.h5]
validation: {regions: ["$contig:1-20000"]}
architecture: cnn2d
fit: {epochs: 15, batch_size: 64, threads: 1, seed: 1, device: cpu}
calibration: platt
YAML
pileup-filter train "$work/network.yaml" -o "$work/run"
pileup-filter explain "$work/demo/filtered.vcf.gz" "$place" "${reads[@]}" -q --model "$work/run/picture-network.safetensors" --format png \
    -o "$work/network" > /dev/null
cp "$work"/network/*_explained.png docs/pictures/explain-network.png
cp "$work"/network/*_gradcam.png docs/pictures/explain-gradcam.png
