#!/usr/bin/env bash
# Makes the pictures of README and docs anew: a simulated sample through the whole filter, its two calls drawn. Run from the project's root.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pileup-filter demo -o "$work/demo" > /dev/null
mkdir -p docs/pictures
cp "$work/demo/failed.png" "$work/demo/kept.png" docs/pictures/
