// An index for a call set that came without one; only scattering needs it.
process INDEX_CALLS {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/../pileup_filter/environment.yml"
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] ? 'docker-daemon:vcffilter:0.2.0' : 'vcffilter:0.2.0' }"

    input:
    tuple val(meta), path(vcf)

    output:
    tuple val(meta), path("*.csi"), emit: index

    script:
    """
    bcftools index --csi --threads ${task.cpus} ${vcf}
    """

    stub:
    """
    touch ${vcf}.csi
    """
}
