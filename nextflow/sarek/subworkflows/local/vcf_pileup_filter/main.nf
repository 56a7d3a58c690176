//
// Germline calls of every caller, filtered by the reads behind them
//
include { PILEUP_FILTER } from '../../../modules/nf-core/pileup/filter/main'

workflow VCF_PILEUP_FILTER {
    take:
    crams     // channel: [meta, cram, crai]
    vcfs      // channel: [meta, vcf], meta has id and variantcaller
    tbis      // channel: [meta, tbi]
    fasta     // channel: [meta, fasta]
    fasta_fai // channel: [meta, fai]
    joint     // boolean: calls of all samples in one file

    main:
    // Structural variants are not for it, and go on as they are.
    found = vcfs.branch { meta, _vcf ->
        structural: meta.variantcaller in ['manta', 'tiddit']
        small: true
    }
    indexes = tbis.branch { meta, _tbi ->
        structural: meta.variantcaller in ['manta', 'tiddit']
        small: true
    }

    // Callers may give several files with one meta (strelka), so the file's name makes the key.
    calls = found.small
        .map { meta, vcf -> [meta + [filename: vcf.name], vcf] }
        .join(indexes.small.map { meta, tbi -> [meta + [filename: tbi.baseName], tbi] }, failOnDuplicate: true, failOnMismatch: true)

    // One sample's calls go to its own reads; joint calls to the reads of all samples, which the filter tells apart by @RG SM.
    if (joint) {
        with_reads = calls.combine(crams.toList().map { samples -> [samples] }).map { meta, vcf, tbi, samples ->
            [meta, vcf, tbi, samples.collect { sample -> sample[1] }, samples.collect { sample -> sample[2] }, [], [], [], []]
        }
    }
    else {
        with_reads = calls
            .map { meta, vcf, tbi -> [meta.id, meta, vcf, tbi] }
            .combine(crams.map { meta, cram, crai -> [meta.id, cram, crai] }, by: 0)
            .map { _id, meta, vcf, tbi, cram, crai -> [meta, vcf, tbi, cram, crai, [], [], [], []] }
    }

    reference = fasta.combine(fasta_fai).map { meta, sequence, _meta_fai, fai -> [meta, sequence, fai] }.first()
    model = params.pileup_filter_model ? file(params.pileup_filter_model, checkIfExists: true) : []

    PILEUP_FILTER(with_reads, reference, [[:], model])

    emit:
    // Under the meta that they came with.
    vcfs    = PILEUP_FILTER.out.vcf.map { meta, vcf -> [meta - meta.subMap('filename'), vcf] }.mix(found.structural)
    tbis    = PILEUP_FILTER.out.tbi.map { meta, tbi -> [meta - meta.subMap('filename'), tbi] }.mix(indexes.structural)
    reports = PILEUP_FILTER.out.summary.map { _meta, summary -> summary }
}
