#!/usr/bin/env bash
#SBATCH --job-name=pileup-filter
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=02:00:00
#SBATCH --requeue
# A Slurm array: one task for each shard of CALLS, and one job that puts them together when all have succeeded.
# usage: slurm_array.sh CALLS READS REFERENCE OUT.vcf.gz N [OPTIONS OF pileup-filter filter...]
# Options of sbatch (partition, account) come from SBATCH_PARTITION, SBATCH_ACCOUNT and their like. It prints the ids of both jobs.
# Run again after a failure, it does only the shards that are missing. The shards and logs stay in OUT.vcf.gz.shards.
set -euo pipefail
# In a job this file is a copy in Slurm's spool: where it stood is said by the one who submitted it.
here=${PILEUP_FILTER_SCRIPTS:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}

filter_shard() { # FOLDER CALLS READS REFERENCE OPTIONS...
  local shard=$1/$SLURM_ARRAY_TASK_ID region
  [ ! -e "$shard.vcf.gz" ] || return 0
  region=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$1/shards.txt")
  pileup-filter filter "$2" -b "$3" -f "$4" -r "$region" -t "$region" --threads "${SLURM_CPUS_PER_TASK:-2}" \
    -Oz -o "$shard.vcf.gz" --summary "$shard.summary.json" "${@:5}"
}

submit() { # CALLS READS REFERENCE OUT N OPTIONS...
  local folder n array
  folder=$(realpath -m "$4").shards
  mkdir -p "$folder"
  [ -s "$folder/shards.txt" ] || { "$here/shards.sh" "$1" "$5" > "$folder/shards.part" && mv "$folder/shards.part" "$folder/shards.txt"; }
  n=$(wc -l < "$folder/shards.txt")
  export PILEUP_FILTER_SCRIPTS=$here
  array=$(sbatch --parsable --array="1-$n" --output="$folder/%a.log" "$here/slurm_array.sh" \
    --shard "$folder" "$(realpath "$1")" "$(realpath "$2")" "$(realpath "$3")" "${@:6}")
  echo "array: $array"
  echo "gather: $(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes --output="$folder/gather.log" --mem=1G \
    "$here/slurm_array.sh" --gather "$folder" "$(realpath -m "$4")")"
}

case ${1:-} in
  --shard) filter_shard "${@:2}" ;;
  --gather) "$here/gather.sh" "${@:2}" ;;
  *)
    [ $# -ge 5 ] || { sed -n '7,10s/^# //p' "$0" >&2; exit 2; }
    submit "$@"
    ;;
esac
