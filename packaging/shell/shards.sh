#!/usr/bin/env bash
# Regions for `pileup-filter filter -r REGION -t REGION`, one a line, with about the same number of records each.
# usage: shards.sh CALLS N      CALLS: indexed VCF.gz or BCF. At least one region for each contig that has records.
# -r jumps by the index to what overlaps the region, -t keeps what begins in it: together the regions have every record once.
set -euo pipefail
[ $# -eq 2 ] && [ "$2" -ge 1 ] || { echo "usage: shards.sh CALLS N" >&2; exit 2; }
total=$(bcftools index --nrecords "$1")
bcftools query -f '%CHROM\t%POS\n' "$1" | awk -F '\t' -v calls="$1" -v size=$(((total + $2 - 1) / $2)) '
  function region(to) { print contig ":" from "-" to }
  $2 < 1 { print "shards.sh: " calls ": no region reaches the record at " $1 ":0; filter this file in one run" > "/dev/stderr"; bad = 1; exit 1 }
  $1 != contig { if (NR > 1) region(""); contig = $1; from = 1; n = 0; last = 0 }
  n >= size && $2 > last { region($2 - 1); from = $2; n = 0 }
  { n++; last = $2 }
  END { if (NR > 0 && !bad) region("") }'
