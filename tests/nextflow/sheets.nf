// What the samplesheet's reader says of each file of --folder, one line each: NAME|what was read, or the message.
include { readSamplesheet } from '../../nextflow/subworkflows/samplesheet'

def verdict(sheet) {
    try {
        def samples = readSamplesheet(sheet.toString())
        return 'read: ' + samples.collect { meta, vcf, index, reads, indexes, map, others, others_indexes ->
            "${meta.id} ${vcf.name} ${index ? index.name : '-'} ${reads.collect { bam -> bam.name }.join('+')} ${indexes.collect { bai -> bai.name }.join('+')} ${map ? map.name : '-'}" +
                (others ? " beside ${others.collect { bam -> bam.name }.join('+')} ${others_indexes.collect { bai -> bai.name }.join('+')}" : '')
        }.join('; ')
    }
    catch (Exception problem) {
        def cause = problem
        while (cause.cause) {
            cause = cause.cause
        }
        return "${cause.message}".replace("${sheet.parent}/", '')
    }
}

workflow {
    files("${params.folder}/*.{csv,tsv}").sort { sheet -> sheet.name }.each { sheet -> println("${sheet.name}|${verdict(sheet)}") }
}
