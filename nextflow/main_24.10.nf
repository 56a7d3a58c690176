#!/usr/bin/env nextflow
// main.nf for Nextflow 24.10, which knows topic channels behind a flag only; 25.04 knows no such flag.
nextflow.preview.topic = true

include { FILTER_SAMPLESHEET } from './workflows/filter_samplesheet'

workflow {
    FILTER_SAMPLESHEET()
}
