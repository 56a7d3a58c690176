// Several small call sets in one task, one after another: panels, whose run is shorter than a task's start.
process PILEUP_FILTER_PANEL {
    tag "${metas.size()} samples, ${metas[0].id}..."
    label 'process_low'
    label 'process_gpu'

    conda "${ task.accelerator ? "${moduleDir}/../pileup_filter/environment.gpu.yml" : "${moduleDir}/../pileup_filter/environment.yml" }"
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] ? 'docker-daemon:' : '' }vcffilter:0.2.0${ task.accelerator ? '-gpu' : '' }"

    input:
    // n_reads, n_background: how many of the files in reads and background each sample has, in the order of the samples.
    tuple val(metas), path(vcfs, stageAs: 'calls?/*'), path(reads, stageAs: 'reads?/*'), path(reads_indexes, stageAs: 'reads?/*'), val(n_reads), path(sample_maps, stageAs: 'maps?/*'), val(has_map), path(background, stageAs: 'background?/*'), path(background_indexes, stageAs: 'background?/*'), val(n_background)
    tuple val(meta2), path(fasta), path(fai)
    tuple val(meta3), path(model)
    path regions

    output:
    tuple val(metas), path("*.{vcf.gz,bcf}")              , emit: vcf
    tuple val(metas), path("*.{vcf.gz,bcf}.{tbi,csi}")    , emit: index
    tuple val(metas), path("*.summary.json")              , emit: summary
    tuple val("${task.process}"), val('pileup-filter'), eval("pileup-filter --version | sed 's/.* //'"), topic: versions, emit: versions_pileupfilter

    script:
    def args      = task.ext.args ?: ''
    def extension = args =~ /(^|\s)(-O\s*|--output-type[=\s]\s*)b/ ? 'bcf' : 'vcf.gz'
    def index     = args =~ /(^|\s)(-W|--write-index)/ ? '' : extension == 'bcf' ? '--write-index=csi' : '--write-index=tbi'
    def device    = task.accelerator ? 'cuda' : 'cpu'
    def weights   = model ? "--model ${model}" : ''
    // The calls are streamed: a panel's are few, and need no index.
    def within    = regions ? "--targets-file ${regions}" : ''
    def all_vcfs  = [vcfs].flatten()
    def all_reads = [reads].flatten()
    def all_maps  = [sample_maps].flatten()
    def others    = [background].flatten()
    def starts    = n_reads.withIndex().collect { _n, i -> n_reads.take(i).sum(0) }
    def others_at = n_background.withIndex().collect { _n, i -> n_background.take(i).sum(0) }
    def map_at    = has_map.withIndex().collect { _has, i -> has_map.take(i).count(true) }
    def commands  = metas.withIndex().collect { meta, i ->
        def bams = all_reads[starts[i]..<(starts[i] + n_reads[i])].collect { bam -> "--reads ${bam}" }.join(' ')
        def map  = has_map[i] ? "--sample-map ${all_maps[map_at[i]]}" : ''
        def back = others[others_at[i]..<(others_at[i] + n_background[i])].collect { bam -> "--background ${bam}" }.join(' ')
        "run ${meta.id} ${bams} ${map} ${back} ${all_vcfs[i]}"
    }
    """
    [ -w "\${HOME:-/nonexistent}" ] || export HOME="\$PWD"
    export MPLCONFIGDIR="\$PWD" OMP_NUM_THREADS=1
    [ -z "\${NUMBA_CACHE_DIR:-}" ] || [ -w "\$NUMBA_CACHE_DIR" ] || unset NUMBA_CACHE_DIR

    run() {
        local id=\$1; shift
        echo "sample \$id" >&2
        pileup-filter filter --reference ${fasta} --threads ${task.cpus} --device ${device} ${weights} ${within} \\
            --output \$id.filtered.${extension} ${index} --summary \$id.filtered.summary.json ${args} "\$@"
    }
    ${commands.join('\n    ')}
    """

    stub:
    def ids = metas.collect { meta -> meta.id }.join(' ')
    """
    for id in ${ids}; do
        echo "" | gzip > \$id.filtered.vcf.gz
        touch \$id.filtered.vcf.gz.tbi
        echo '{}' > \$id.filtered.summary.json
    done
    """
}
