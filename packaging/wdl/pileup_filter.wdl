version 1.1

## Filters the calls of any variant caller by the reads behind them (pileup-filter of vcffilter).
workflow filter_calls {
  meta {
    description: "One sample's calls through pileup-filter."
  }
  parameter_meta {
    calls: "VCF or BCF of any caller, sorted"
    reads: "BAM or CRAM files of the sample"
    reads_indexes: "their indexes, in the same order"
    reference: "FASTA that the reads were aligned to"
    reference_index: "its .fai"
    filtered: "the calls with FILTER and INFO written, BGZF"
    filtered_index: "its .tbi"
    summary: "counts, warnings and speed, which MultiQC shows"
  }

  input {
    File calls
    Array[File]+ reads
    Array[File]+ reads_indexes
    File reference
    File reference_index
    String? preset
  }

  call pileup_filter {
    input:
      calls,
      reads,
      reads_indexes,
      reference,
      reference_index,
      preset
  }

  output {
    File filtered = pileup_filter.filtered
    File filtered_index = pileup_filter.filtered_index
    File summary = pileup_filter.summary
  }
}

task pileup_filter {
  meta {
    description: "pileup-filter filter"
  }
  parameter_meta {
    calls: "VCF or BCF of any caller, sorted"
    calls_index: "its index, needed with regions"
    reads: "BAM or CRAM files of the sample"
    reads_indexes: "their indexes, in the same order"
    reference: "FASTA that the reads were aligned to"
    reference_index: "its .fai"
    reference_gzi: "the .gzi of a BGZF FASTA"
    regions: "part of the calls, as for bcftools view --regions"
    preset: "sensitive, balanced or strict"
    model: "illumina-germline, hifi-germline or auto"
    extra: "further options of pileup-filter filter"
    prefix: "name of the outputs"
    cpu: "threads"
    memory_gb: "memory does not grow with the file"
    docker: "image of packaging/docker/Dockerfile"
    filtered: "the calls with FILTER and INFO written, BGZF"
    filtered_index: "its .tbi"
    summary: "counts, warnings and speed, which MultiQC shows"
  }

  input {
    File calls
    File? calls_index
    Array[File]+ reads
    Array[File]+ reads_indexes
    File reference
    File reference_index
    File? reference_gzi
    String? regions
    String? preset
    String model = "illumina-germline"
    Array[String] extra = []
    String prefix = "filtered"
    Int cpu = 2
    Int memory_gb = 4
    String docker = "vcffilter:0.2.0"
  }

  # Indexes lie beside their files, wherever the engine has put them: engines may put each input into a folder of its own.
  command <<<
    set -euo pipefail
    export OMP_NUM_THREADS=1
    mkdir inputs
    beside() { ln -s "$1" "inputs/$2$(basename "$1")"; }
    reads=(~{sep(" ", quote(reads))})
    indexes=(~{sep(" ", quote(reads_indexes))})
    arguments=()
    for number in "${!reads[@]}"; do
      beside "${reads[$number]}" "$number."
      beside "${indexes[$number]}" "$number."
      arguments+=(-b "inputs/$number.$(basename "${reads[$number]}")")
    done
    for file in ~{sep(" ", quote(select_all([reference, reference_index, reference_gzi, calls, calls_index])))}; do
      beside "$file" ""
    done
    pileup-filter filter "inputs/$(basename "~{calls}")" "${arguments[@]}" -f "inputs/$(basename "~{reference}")" \
      --model "~{model}" ~{"--preset '" + preset + "'"} ~{"-r '" + regions + "'"} --threads ~{cpu} \
      -Oz -W=tbi -o "~{prefix}.vcf.gz" --summary "~{prefix}.summary.json" ~{sep(" ", quote(extra))}
  >>>

  output {
    File filtered = "~{prefix}.vcf.gz"
    File filtered_index = "~{prefix}.vcf.gz.tbi"
    File summary = "~{prefix}.summary.json"
  }

  runtime {
    container: docker
    cpu: cpu
    memory: "~{memory_gb} GiB"
    # Exit codes 1 (data) and 2 (usage) come again: a retry helps only against a machine that goes away.
    maxRetries: 1
  }
}
