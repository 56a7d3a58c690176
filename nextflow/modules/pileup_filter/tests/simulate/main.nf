// Data whose variants are known, the same wherever it is made: the module's tests need none from elsewhere.
process SIMULATE {
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] ? 'docker-daemon:vcffilter:0.2.0' : 'vcffilter:0.2.0' }"

    input:
    val meta

    output:
    tuple val(meta), path("sample/calls.vcf.gz"), path("sample/calls.vcf.gz.tbi"), path("sample/reads.bam"), path("sample/reads.bam.bai"), emit: calls
    tuple val(meta), path("sample/reference.fa"), path("sample/reference.fa.fai"), emit: reference
    path "sample/half.bed", emit: regions

    script:
    """
    pileup-filter simulate --output sample --sample TEST --seed 7 --length 12000 --depth 20 --variant-rate 0.005
    awk '{ printf "%s\\t0\\t%d\\n", \$1, \$2 / 2 }' sample/reference.fa.fai > sample/half.bed
    """

    stub:
    """
    mkdir sample
    echo "" | gzip > sample/calls.vcf.gz
    touch sample/calls.vcf.gz.tbi sample/reads.bam sample/reads.bam.bai sample/reference.fa sample/reference.fa.fai sample/half.bed
    """
}
