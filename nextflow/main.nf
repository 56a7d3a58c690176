#!/usr/bin/env nextflow
// The filter on every sample of a samplesheet; docs/nextflow.md.

include { FILTER_SAMPLESHEET } from './workflows/filter_samplesheet'

workflow {
    FILTER_SAMPLESHEET()
}
