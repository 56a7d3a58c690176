#!/usr/bin/env bash
# Regions for `pileup-filter filter -r`, one a line, with about the same number of records each; together they have every record once.
# usage: shards.sh CALLS N      CALLS: indexed VCF.gz or BCF. At least one region for each contig that has records.
# A region ends only where no record reaches over its end: with -r such a record would be in two of them.
set -euo pipefail
[ $# -eq 2 ] && [ "$2" -ge 1 ] || { echo "usage: shards.sh CALLS N" >&2; exit 2; }
total=$(bcftools index --nrecords "$1")
bcftools query -f '%CHROM\t%POS\t%END\n' "$1" | awk -F '\t' -v size=$(((total + $2 - 1) / $2)) '
  function region(to) { print contig ":" from "-" to }
  $1 != contig { if (NR > 1) region("") ; contig = $1; from = 1; n = 0; reached = 0 }
  n >= size && $2 > reached { region($2 - 1); from = $2; n = 0 }
  { n++; if ($3 > reached) reached = $3 }
  END { if (NR > 0) region("") }'
