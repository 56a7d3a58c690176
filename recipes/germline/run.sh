#!/usr/bin/env bash
# The shipped weights from the data, in one command:
#
#     recipes/germline/run.sh DATA WORKDIR [JARS]
#
# DATA: ../shared/data. WORKDIR: tables, calls and weights; what is there is not made again. JARS: folder of GATK's jars (README.md);
# without it its callers are left out, and that is said. Weights and cards end up in WORKDIR/weights; nothing is installed.
set -euo pipefail
if (($# < 2 || $# > 3)); then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
here=$(dirname "$(readlink -f "$0")")
data=$(readlink -f "$1")
mkdir -p "$2"
work=$(readlink -f "$2")
gatk=()
if (($# == 3)); then
    gatk=(--gatk "$(readlink -f "$3")")
fi
export OMP_NUM_THREADS=1

step() {
    echo "== $1" >&2
    shift
    python "$here/$1" --data "$data" "${@:2}"
}

step "labelled sets and thinned copies" harvest.py --work "$work/real" "${gatk[@]}"
step "sets without truth" certain.py --work "$work/real" "${gatk[@]}"
step "simulated short reads" simulated.py --work "$work/simulated"
step "simulated HiFi reads" simulated.py --work "$work/simulated-hifi" --kind hifi
step "illumina-germline and its folds" train.py --harvest "$work/real" --harvest "$work/simulated" --out "$work/weights" --folds
step "hifi-germline and its folds" train.py --kind hifi --harvest "$work/real" --harvest "$work/simulated-hifi" --out "$work/weights" --folds
ls -l "$work"/weights/*.safetensors >&2
