#!/usr/bin/env bash
# An RNA-seq model from the DNA weights, with the product's own commands: simulate, examples, train, calibrate, filter, evaluate.
#
#   recipes/rna/run.sh ../shared/data WORKDIR [WEIGHTS]
#
# WEIGHTS: name or file of the weights to start from (illumina-germline); other weights need another WORKDIR. Needs bcftools and
# vcffilter[train]. What is in WORKDIR is not made again, so a run that was stopped goes on. The tables go to WORKDIR/table.md;
# docs/rna.md explains them.
set -euo pipefail

data=$(realpath "${1:?usage: run.sh DATA WORKDIR [WEIGHTS]}")
work=${2:?usage: run.sh DATA WORKDIR [WEIGHTS]}
init=${3:-illumina-germline}
here=$(dirname "$(realpath "$0")")
[[ $init == */* || $init == *.safetensors ]] && init=$(realpath "$init")
mkdir -p "$work" && cd "$work"

real=$data/real/gm12878-rna-chr22
sequence=$data/simulation/grch38-chr20-chr21-first-10mb.fa.gz
callers="bcftools freebayes freebayes-sensitive haplotypecaller"
# Each half is held out from the weights that it is scored with: from training, choice of the epoch, calibration and thresholds.
declare -A held_out=([left]=chr22:17600001-17640000 [right]=chr22:17640001-17940000)

missing() { [[ ! -e $1 ]]; }

# 1. Calls of the real reads, one ALT per record as the labels are, and what is disputed as a VCF.
for caller in $callers; do
    missing "$caller.vcf.gz.csi" || continue
    bcftools norm -m -any "$real/$caller.vcf.gz" -Oz -o "$caller.vcf.gz"
    bcftools index -f "$caller.vcf.gz"
done
if missing disputed.vcf; then
    {
        printf '##fileformat=VCFv4.2\n##contig=<ID=chr22>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
        cat "$real"/*.labels.tsv | awk -F'\t' -v OFS='\t' '$5 == "DISPUTED" {print $1, $2, ".", $3, $4, ".", ".", "."}' | sort -u -k2,2n -k4,5
    } > disputed.vcf.partial
    mv disputed.vcf.partial disputed.vcf
fi

# 2. Spliced reads of uneven coverage, simulated from real human sequence: 1 to 6 to train on, 7 to choose the epoch and to calibrate
#    with, 8 for the table. Depth is the mean over all genes; single genes have from none to twenty times as much.
simulate() { # number, first base, bases, depth
    missing "simulated-$1/simulation.json" || return 0
    pileup-filter simulate --preset rna --seed "$1" -f "$sequence:chr20:$2-$(($2 + $3 - 1))" --read-length 76 \
        --artefacts 2 --depth "$4" -o "simulated-$1"
}
for number in 1 2 3 4 5 6; do
    simulate $number $((number * 500000)) 400000 $((10 + number * 5))
done
simulate 7 4000000 1200000 30
simulate 8 6000000 1200000 30

# 3. Examples. The real ones once as they are and three times with fewer reads.
examples() { # output, then what `pileup-filter examples` takes
    missing "$1" || return 0
    rm -f "$1.partial"
    pileup-filter examples "${@:2}" --model "$init" -o "$1.partial"
    mv "$1.partial" "$1"
}
for number in 1 2 3 4 5 6 7; do
    folder=simulated-$number
    examples "simulated-$number.h5" $folder/calls.vcf.gz -b $folder/reads.bam -f $folder/reference.fa \
        --labels $folder/calls.labels.tsv --set "simulated-$number"
done
for caller in $callers; do
    source=("$caller.vcf.gz" -b "$real/reads.bam" -f "$real/reference.fa.gz" --labels "$real/$caller.labels.tsv" --set gm12878)
    examples "$caller.h5" "${source[@]}"
    examples "$caller-thin.h5" "${source[@]}" --downsample 0.1-0.6 --copies 3
done

# 4. Fine-tuning, calibration and thresholds, once for each half that is held out.
for half in left right; do
    sed "s/HELD_OUT/${held_out[$half]}/; s/HALF/$half/" "$here/rna.yaml" > "rna-$half.yaml"
    if missing "run-$half/rna-without-$half.safetensors"; then
        resume=$([[ -e run-$half/config.json ]] && echo --resume || true)
        pileup-filter train "rna-$half.yaml" --init "$init" -o "run-$half" $resume
    fi
    if missing "rna-$half.safetensors"; then
        pileup-filter calibrate simulated-7/calls.vcf.gz -b simulated-7/reads.bam -f simulated-7/reference.fa \
            --labels simulated-7/calls.labels.tsv --model "run-$half/rna-without-$half.safetensors" \
            --method platt --minimum-examples 100 --model-id "rna-without-$half" -o "rna-$half.safetensors" --force > "calibrate-$half.md"
    fi
done

# --force: the example shows what came out, better or worse.
# What calibration alone does, for comparison: the DNA weights on the same simulated calls.
if missing dna-calibrated.safetensors; then
    pileup-filter calibrate simulated-7/calls.vcf.gz -b simulated-7/reads.bam -f simulated-7/reference.fa \
        --labels simulated-7/calls.labels.tsv --model "$init" --method platt --minimum-examples 100 \
        --model-id dna-calibrated -o dna-calibrated.safetensors --force > calibrate-dna.md
fi

# 5. Before and after. Every record of the real calls is scored by the weights that never saw its half.
evaluate() { # name, calls, truth, confident, reference, more
    pileup-filter evaluate "$2" --truth "$3" --confident "$4" -f "$5" "${@:6}" --no-html -q -o "report-$1" > "report-$1.md"
}
for caller in $callers; do
    missing "report-after-$caller.md" || continue
    reads=(-b "$real/reads.bam" -f "$real/reference.fa.gz" -Oz -W -q)
    pileup-filter filter "$caller.vcf.gz" "${reads[@]}" --model "$init" -o "before-$caller.vcf.gz"
    pileup-filter filter "$caller.vcf.gz" "${reads[@]}" --model dna-calibrated.safetensors -o "calibrated-$caller.vcf.gz"
    for half in left right; do
        pileup-filter filter "$caller.vcf.gz" "${reads[@]}" -r "${held_out[$half]}" --model "rna-$half.safetensors" -o "$half-$caller.vcf.gz"
    done
    bcftools concat "left-$caller.vcf.gz" "right-$caller.vcf.gz" -Oz -o "after-$caller.vcf.gz"
    for when in before calibrated after; do
        evaluate "$when-$caller" "$when-$caller.vcf.gz" "$real/truth.vcf.gz" "$real/confident.bed" "$real/reference.fa.gz" \
            --exclude disputed.vcf
    done
done
if missing report-after-simulated.md; then
    folder=simulated-8
    declare -A model_of=([before]=$init [calibrated]=dna-calibrated.safetensors [after]=rna-left.safetensors)
    for when in before calibrated after; do
        pileup-filter filter $folder/calls.vcf.gz -b $folder/reads.bam -f $folder/reference.fa -Oz -q --model "${model_of[$when]}" \
            -o "$when-simulated.vcf.gz"
        evaluate "$when-simulated" "$when-simulated.vcf.gz" $folder/truth.vcf.gz $folder/confident.bed $folder/reference.fa
    done
fi
python3 "$here/table.py" . > table.md
cat table.md
