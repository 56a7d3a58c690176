process PILEUP_FILTER {
    tag "${meta.id}"
    label 'process_low'
    label 'process_gpu'

    conda "${ task.accelerator ? "${moduleDir}/environment.gpu.yml" : "${moduleDir}/environment.yml" }"
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] && !task.ext.singularity_pull_docker_container ?
        (task.accelerator ? 'docker-daemon:vcffilter:0.2.0-gpu' : 'docker-daemon:vcffilter:0.2.0') :
        (task.accelerator ? 'vcffilter:0.2.0-gpu' : 'vcffilter:0.2.0') }"

    input:
    tuple val(meta) , path(vcf), path(vcf_index), path(reads, stageAs: 'reads?/*'), path(reads_index, stageAs: 'reads?/*'), path(regions), path(sample_map), path(background, stageAs: 'background?/*'), path(background_index, stageAs: 'background?/*')
    tuple val(meta2), path(fasta), path(fai)
    tuple val(meta3), path(model)

    output:
    tuple val(meta), path("*.{vcf.gz,bcf}"), emit: vcf
    tuple val(meta), path("*.tbi")         , emit: tbi, optional: true
    tuple val(meta), path("*.csi")         , emit: csi, optional: true
    tuple val(meta), path("*.summary.json"), emit: summary
    tuple val("${task.process}"), val('pileup-filter'), eval("pileup-filter --version | sed 's/.* //'"), topic: versions, emit: versions_pileupfilter
    tuple val("${task.process}"), val('bcftools'), eval("bcftools --version | sed -n '1s/.* //p'"), topic: versions, emit: versions_bcftools

    when:
    task.ext.when == null || task.ext.when

    script:
    def args      = task.ext.args   ?: ''
    def args2     = task.ext.args2  ?: ''
    def prefix    = task.ext.prefix ?: "${meta.id}.filtered"
    def extension = args =~ /(^|\s)(-O\s*|--output-type[=\s]\s*)b/ ? 'bcf' : 'vcf.gz'
    def index     = args =~ /(^|\s)(-W|--write-index)/ ? '' : extension == 'bcf' ? '--write-index=csi' : '--write-index=tbi'
    def device    = task.accelerator ? 'cuda' : 'cpu'
    def bams      = [reads].flatten().collect { bam -> "--reads ${bam}" }.join(' ')
    // -R jumps by the index to the records that overlap, -T keeps those that start within: a record is in one region only.
    def within    = regions ? "${args2 ? '' : "--regions-file ${regions}"} --targets-file ${regions}" : ''
    def weights   = model ? "--model ${model}" : ''
    def map       = sample_map ? "--sample-map ${sample_map}" : ''
    def others    = [background].flatten().collect { bam -> "--background ${bam}" }.join(' ')
    def upstream  = args2 ? "bcftools view --no-version --output-type u ${args2} ${vcf} |" : ''
    if ("${vcf}" == "${prefix}.${extension}") {
        error("Input and output names are the same, set prefix in module configuration to disambiguate!")
    }
    """
    # Read-only containers: a home that can be written holds the compiled kernels, copied from the image.
    [ -w "\${HOME:-/nonexistent}" ] || export HOME="\$PWD"
    export MPLCONFIGDIR="\$PWD" OMP_NUM_THREADS=1
    [ -z "\${NUMBA_CACHE_DIR:-}" ] || [ -w "\$NUMBA_CACHE_DIR" ] || unset NUMBA_CACHE_DIR

    set +e -o pipefail
    ${upstream} pileup-filter filter \\
        ${bams} \\
        --reference ${fasta} \\
        --threads ${task.cpus} \\
        --device ${device} \\
        --output ${prefix}.${extension} \\
        ${index} \\
        --summary ${prefix}.summary.json \\
        ${within} ${weights} ${map} ${others} \\
        ${args} \\
        ${upstream ? '-' : vcf}
    codes=("\${PIPESTATUS[@]}")
    set -e

    # Killed (137: memory, 143: time or a lost node) may pass on another attempt, whichever side of the pipe it hit.
    # 141 says only that the other side ended first, so it never stands for the task: nf-core would try again.
    final=0
    for code in "\${codes[@]}"; do
        case \$code in
            0)               ;;
            130|137|143)     final=\$code; break ;;
            141)             [ \$final -ne 0 ] || final=1 ;;
            *)               final=\$code ;;
        esac
    done
    [ \$final -eq 0 ] || exit \$final
    """

    stub:
    def args      = task.ext.args   ?: ''
    def prefix    = task.ext.prefix ?: "${meta.id}.filtered"
    def extension = args =~ /(^|\s)(-O\s*|--output-type[=\s]\s*)b/ ? 'bcf' : 'vcf.gz'
    def index     = args =~ /(-W|--write-index)=tbi/ || (extension == 'vcf.gz' && !(args =~ /(^|\s)(-W|--write-index)/)) ? 'tbi' : 'csi'
    """
    echo "" | gzip > ${prefix}.${extension}
    touch ${prefix}.${extension}.${index}
    echo '{}' > ${prefix}.summary.json
    """
}
