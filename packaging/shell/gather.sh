#!/usr/bin/env bash
# Puts the filtered shards together and indexes the result. Nothing stands under the name of OUT before it is whole.
# usage: gather.sh FOLDER OUT.vcf.gz      FOLDER: shards.txt and, for its line N, N.vcf.gz
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: gather.sh FOLDER OUT.vcf.gz" >&2; exit 2; }
folder=$1 out=$2
n=$(wc -l < "$folder/shards.txt")
for shard in $(seq "$n"); do
  # A file under its name is complete: pileup-filter writes whole files or none.
  [ -e "$folder/$shard.vcf.gz" ] || { echo "gather.sh: shard $shard of $n ($(sed -n "${shard}p" "$folder/shards.txt")) is missing" >&2; exit 1; }
  echo "$folder/$shard.vcf.gz"
done > "$folder/files.txt"
# --naive copies blocks, without reading records.
bcftools concat --naive --file-list "$folder/files.txt" --output "$out.part" 2> "$folder/concat.log" || { cat "$folder/concat.log" >&2; rm -f "$out.part"; exit 1; }
bcftools index --tbi --output "$out.tbi.part" "$out.part"
mv "$out.tbi.part" "$out.tbi"
mv "$out.part" "$out"
