// Call sets through the filter in one of three ways; what comes out is the same records.

include { PILEUP_FILTER       } from '../modules/pileup_filter/main'
include { PILEUP_FILTER_PANEL } from '../modules/local/pileup_filter_panel'
include { INDEX_CALLS         } from '../modules/local/index_calls'
include { SPLIT_CALLS         } from '../modules/local/split_calls'
include { GATHER              } from '../modules/local/gather'

workflow FILTER_CALLS {
    take:
    samples          // channel: [meta, vcf, vcf_index, [reads], [reads_index], sample_map, [background], [background_index]]
    reference        // value: [meta, fasta, [indexes]]
    model            // value: [meta, file or []]
    regions          // value: BED or []
    n_shards         // value: tasks for each sample
    samples_per_task // value: samples for each task

    main:
    if (n_shards > 1) {
        SCATTER_CALLS(samples, reference, model, n_shards)
        vcf = SCATTER_CALLS.out.vcf
        index = SCATTER_CALLS.out.index
        summary = SCATTER_CALLS.out.summary
    }
    else if (samples_per_task > 1) {
        PANEL_CALLS(samples, reference, model, regions, samples_per_task)
        vcf = PANEL_CALLS.out.vcf
        index = PANEL_CALLS.out.index
        summary = PANEL_CALLS.out.summary
    }
    else {
        PILEUP_FILTER(
            samples.map { meta, calls, calls_index, reads, reads_index, sample_map, others, others_index ->
                [meta, calls, calls_index, reads, reads_index, regions, sample_map, others, others_index]
            },
            reference,
            model,
        )
        vcf = PILEUP_FILTER.out.vcf
        index = PILEUP_FILTER.out.tbi.mix(PILEUP_FILTER.out.csi)
        summary = PILEUP_FILTER.out.summary
    }

    emit:
    vcf     // [meta, vcf]
    index   // [meta, index]
    summary // [meta, json]
}

// Several tasks a sample, put together in order.
workflow SCATTER_CALLS {
    take:
    samples
    reference
    model
    n_shards

    main:
    plain = samples.map { sample -> checkedForScatter(sample) }.branch { sample ->
        indexed: sample[2]
        bare: true
    }
    INDEX_CALLS(plain.bare.map { sample -> [sample[0], sample[1]] })
    indexed = plain.indexed.mix(
        plain.bare.join(INDEX_CALLS.out.index).map { meta, calls, _none, reads, reads_index, sample_map, others, others_index, made ->
            [meta, calls, made, reads, reads_index, sample_map, others, others_index]
        }
    )
    SPLIT_CALLS(indexed.map { sample -> [sample[0], sample[1], sample[2]] }, n_shards)

    // One entry for each region, with all that its task needs; the key knows how many there are, so nobody waits for other samples.
    shards = indexed.join(SPLIT_CALLS.out.regions).flatMap { meta, calls, calls_index, reads, reads_index, sample_map, others, others_index, beds ->
        def ordered = [beds].flatten().sort { bed -> bed.name }
        ordered.collect { bed ->
            [meta + [shard: bed.baseName, n_shards: ordered.size()], calls, calls_index, reads, reads_index, bed, sample_map, others, others_index]
        }
    }
    PILEUP_FILTER(shards, reference, model)

    parts = PILEUP_FILTER.out.vcf
        .join(PILEUP_FILTER.out.summary)
        .map { meta, calls, report -> [groupKey(meta - meta.subMap('shard', 'n_shards'), meta.n_shards), calls, report] }
        .groupTuple()
        .map { key, calls, reports -> [key.target, calls.sort { part -> part.name }, reports.sort { part -> part.name }] }
    GATHER(parts.join(indexed.map { sample -> [sample[0], sample[1], sample[2]] }))

    emit:
    vcf     = GATHER.out.vcf
    index   = GATHER.out.index
    summary = GATHER.out.summary
}

def checkedForScatter(sample) {
    if (sample[1].name.endsWith('.vcf')) {
        error("${sample[1]}: --scatter needs an index, and a plain VCF has none. Compress it with: bgzip ${sample[1].name}")
    }
    return sample
}

// Several samples a task.
workflow PANEL_CALLS {
    take:
    samples
    reference
    model
    regions
    samples_per_task

    main:
    batches = samples.buffer(size: samples_per_task, remainder: true).map { batch ->
        [
            batch.collect { sample -> sample[0] },
            batch.collect { sample -> sample[1] },
            batch.collectMany { sample -> sample[3] },
            batch.collectMany { sample -> sample[4] },
            batch.collect { sample -> sample[3].size() },
            batch.collect { sample -> sample[5] }.findAll { map -> map },
            batch.collect { sample -> sample[5] ? true : false },
            batch.collectMany { sample -> sample[6] },
            batch.collectMany { sample -> sample[7] },
            batch.collect { sample -> sample[6].size() },
        ]
    }
    PILEUP_FILTER_PANEL(batches, reference, model, regions)

    emit:
    vcf     = PILEUP_FILTER_PANEL.out.vcf.flatMap { metas, files -> byMeta(metas, files) }
    index   = PILEUP_FILTER_PANEL.out.index.flatMap { metas, files -> byMeta(metas, files) }
    summary = PILEUP_FILTER_PANEL.out.summary.flatMap { metas, files -> byMeta(metas, files) }
}

// Files of several samples, each beside its own meta.
def byMeta(metas, files) {
    return metas.collect { meta -> [meta, [files].flatten().find { file -> file.name.startsWith("${meta.id}.filtered.") }] }
}
