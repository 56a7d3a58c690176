#!/usr/bin/env bash
# The shipped weights from the data, in one command:
#
#     recipes/germline/run.sh DATA WORKDIR [JARS]
#
# DATA: ../shared/data. WORKDIR: tables, calls and weights; what is there is not made again. JARS: folder of GATK's jars (README.md);
# without it its callers are left out, and that is said. Weights and cards end up in WORKDIR/weights, beside those that never saw one
# fold (-without-FOLD; benchmarks/folds holds such for benchmarks/accuracy.py); nothing is installed.
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
step "simulated ONT reads" simulated.py --work "$work/simulated-ont" --kind ont
for part in real simulated simulated-hifi simulated-ont; do
    step "examples: $part" examples.py --work "$work/$part"
    step "examples with tensors: $part" examples.py --work "$work/$part" --pileup
done

train() { # CONFIG NAME [OPTION...]: weights and card, unless they are there
    local config=$1 name=$2
    [[ -e $work/weights/$name.md ]] && return
    echo "== $name" >&2
    rm -rf "$work/runs/$name"
    mkdir -p "$work/weights" "$work/runs"
    pileup-filter train "$work/$config" -o "$work/runs/$name" "${@:3}"
    cp "$work/runs/$name/$name".{safetensors,md} "$work/weights/"
}

cp "$here"/{illumina,illumina-pileup,hifi,hifi-pileup,hifi-without-revio,ont,ont-pileup}.yaml "$work/"
train illumina.yaml illumina-germline
for fold in chr20 chr21 chr22; do
    train illumina.yaml "illumina-germline-without-$fold" --without "$fold"
done
train hifi.yaml hifi-germline
for fold in quarter1 quarter2 quarter3 quarter4 chm13; do
    train hifi.yaml "hifi-germline-without-$fold" --without "$fold"
done
train hifi-without-revio.yaml hifi-germline-without-revio
train ont.yaml ont-germline
train ont.yaml ont-germline-without-quarter1-without-quarter2 --without quarter1 --without quarter2
train ont.yaml ont-germline-without-quarter3-without-quarter4 --without quarter3 --without quarter4
for platform in illumina hifi ont; do
    train "$platform-pileup.yaml" "$platform-pileup"
done
ls -l "$work"/weights/*.safetensors >&2
