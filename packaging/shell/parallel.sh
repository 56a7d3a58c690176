#!/usr/bin/env bash
# One machine, GNU parallel: filters CALLS in N shards, JOBS at a time, and puts them together.
# usage: parallel.sh CALLS READS REFERENCE OUT.vcf.gz N JOBS [OPTIONS OF pileup-filter filter...]
# One run with --threads does the same in less memory; this is for options, models or machines where that is not enough.
# Run again after a failure, it does only the shards that are missing. The shards stay in OUT.vcf.gz.shards.
set -euo pipefail
[ $# -ge 6 ] || { sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
calls=$1 reads=$2 reference=$3 out=$4 n=$5 jobs=$6
folder=$out.shards
mkdir -p "$folder"
[ -s "$folder/shards.txt" ] || { "$here/shards.sh" "$calls" "$n" > "$folder/shards.part" && mv "$folder/shards.part" "$folder/shards.txt"; }
one_shard() { # NUMBER REGION CALLS READS REFERENCE FOLDER OPTIONS...
  [ -e "$6/$1.vcf.gz" ] && return
  pileup-filter filter "$3" -b "$4" -f "$5" -r "$2" -t "$2" --threads 1 -Oz -o "$6/$1.vcf.gz" --summary "$6/$1.summary.json" "${@:7}"
}
export -f one_shard
parallel --will-cite --jobs "$jobs" --halt soon,fail=1 --quote \
  bash -euo pipefail -c 'one_shard "$@"' _ '{#}' '{}' "$calls" "$reads" "$reference" "$folder" "${@:7}" :::: "$folder/shards.txt"
"$here/gather.sh" "$folder" "$out"
