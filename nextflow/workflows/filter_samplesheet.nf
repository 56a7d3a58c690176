// Call sets of a samplesheet through pileup-filter: one task a sample, several samples a task, or several tasks a sample.

include { readSamplesheet     } from '../subworkflows/samplesheet'
include { FILTER_CALLS        } from '../subworkflows/filter_calls'
include { MULTIQC             } from '../modules/local/multiqc'

// An option that nobody reads is a mistake that nobody sees.
def checkParameters() {
    def known = [
        'input', 'fasta', 'outdir', 'model', 'filter_args', 'regions', 'scatter', 'samples_per_task', 'skip_multiqc', 'multiqc_config',
        'container', 'publish_dir_mode', 'slurm_queue', 'aws_queue', 'aws_region', 'aws_workdir', 'k8s_claim', 'k8s_namespace',
    ]
    def unknown = params.keySet().collect { name -> "${name}".toString() }.findAll { name -> !name.contains('-') && !(name in known) }
    if (unknown) {
        error("unknown option ${unknown.collect { name -> "--${name}" }.join(', ')}. Options are: ${known.collect { name -> "--${name}" }.join(', ')}")
    }
    ['scatter', 'samples_per_task'].each { name ->
        if (!("${params[name]}" ==~ /[1-9][0-9]{0,4}/)) {
            error("--${name} ${params[name]}: a number from 1 to 99999")
        }
    }
    if (params.scatter.toInteger() > 1 && params.samples_per_task.toInteger() > 1) {
        error("--scatter is for genomes, --samples_per_task for panels: one of them")
    }
    if (params.scatter.toInteger() > 1 && params.regions) {
        error("--scatter and --regions: one of them; calls within --regions are few enough for one task")
    }
}

// [meta, fasta, [indexes]]
def referenceWithIndex() {
    if (!params.fasta) {
        error("No reference. Give one with --fasta")
    }
    def fasta = file(params.fasta)
    def endings = fasta.name.endsWith('.gz') ? ['.fai', '.gzi'] : ['.fai']
    ([''] + endings).each { ending ->
        if (!file("${params.fasta}${ending}").exists()) {
            error("${params.fasta}${ending}: no such file${ending ? ". Index the reference with: samtools faidx ${fasta.name}" : ''}")
        }
    }
    return [[id: fasta.name], fasta, endings.collect { ending -> file("${params.fasta}${ending}") }]
}

def fileOrNothing(option, name) {
    if (name && !file(name).exists()) {
        error("--${option} ${name}: no such file")
    }
    return name ? file(name) : []
}

workflow FILTER_SAMPLESHEET {
    main:
    checkParameters()
    def samples = readSamplesheet(params.input)
    def model = "${params.model}".endsWith('.safetensors') ? fileOrNothing('model', params.model) : []

    FILTER_CALLS(
        channel.fromList(samples),
        referenceWithIndex(),
        [[id: 'model'], model],
        fileOrNothing('regions', params.regions),
        params.scatter.toInteger(),
        params.samples_per_task.toInteger(),
    )

    versions = channel.topic('versions')
        .map { process, tool, version -> [process.tokenize(':')[-1], "    ${tool}: ${version}\n".toString()] }
        .unique()
        .groupTuple()
        .map { process, lines -> "${process}:\n${lines.toSorted().join('')}" }
        .collectFile(name: 'software_mqc_versions.yml', storeDir: "${params.outdir}/pipeline_info", sort: true)

    if (!params.skip_multiqc) {
        MULTIQC(
            FILTER_CALLS.out.summary.map { _meta, summary -> summary }.collect(sort: { summary -> summary.name }),
            fileOrNothing('multiqc_config', params.multiqc_config),
            versions.ifEmpty([]),
            file("${moduleDir}/../../packaging/multiqc/multiqc_pileup_filter", checkIfExists: true),
        )
    }
}
