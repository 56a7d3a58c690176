// The shards of one call set put together again, in order, without a record being decoded; nothing may be missing.
process GATHER {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/../pileup_filter/environment.yml"
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] ? 'docker-daemon:vcffilter:0.2.0' : 'vcffilter:0.2.0' }"

    input:
    tuple val(meta), path(vcfs), path(summaries), path(calls), path(calls_index)

    output:
    tuple val(meta), path("*.{vcf.gz,bcf}")               , emit: vcf
    tuple val(meta), path("*.{vcf.gz,bcf}.{tbi,csi}")     , emit: index
    tuple val(meta), path("${meta.id}.filtered.summary.json"), emit: summary

    script:
    def extension = "${[vcfs].flatten()[0]}".endsWith('.bcf') ? 'bcf' : 'vcf.gz'
    def index     = extension == 'bcf' ? '--csi' : '--tbi'
    def args      = task.ext.args ?: ''
    def output    = "${meta.id}.filtered.${extension}"
    """
    bcftools concat --naive --output ${output} ${[vcfs].flatten().sort { file -> file.name }.join(' ')}
    bcftools index ${index} ${output}
    came=\$(bcftools index --nrecords ${output})
    went=\$(bcftools index --nrecords ${calls})
    if [ "\$came" -ne "\$went" ]; then
        echo "${output}: \$came records, but ${calls} has \$went" >&2
        exit 1
    fi
    merge_summaries.py ${args} ${[summaries].flatten().sort { file -> file.name }.join(' ')} > ${meta.id}.filtered.summary.json
    """

    stub:
    """
    echo "" | gzip > ${meta.id}.filtered.vcf.gz
    touch ${meta.id}.filtered.vcf.gz.tbi
    echo '{}' > ${meta.id}.filtered.summary.json
    """
}
