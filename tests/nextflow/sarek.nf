// POST_VARIANTCALLING as sarek calls it, on --folder: CRAMs and calls of two samples, of two callers, under sarek's meta.
include { POST_VARIANTCALLING } from './subworkflows/local/post_variantcalling/main'

def found(pattern, caller) {
    return channel.fromPath("${params.folder}/${pattern}").map { path -> [[id: path.name.tokenize('.')[0], variantcaller: caller], path] }
}

workflow {
    def crams = channel.fromFilePairs("${params.folder}/*.{cram,cram.crai}", size: 2).map { name, files -> [[id: name, patient: 'P', status: 0], files[0], files[1]] }
    def vcfs = found('*.freebayes.vcf.gz', 'freebayes').mix(found('*.manta.vcf.gz', 'manta'))
    def tbis = found('*.freebayes.vcf.gz.tbi', 'freebayes').mix(found('*.manta.vcf.gz.tbi', 'manta'))
    def fasta = channel.value([[id: 'genome'], file(params.fasta)])
    def fai = channel.value([[id: 'fai'], file("${params.fasta}.fai")])
    POST_VARIANTCALLING(params.tools, crams, vcfs, tbis, fasta, fai)
    POST_VARIANTCALLING.out.vcfs.view { meta, vcf -> "vcf|${meta.id}|${meta.variantcaller}|${meta.keySet().sort().join('+')}|${vcf.name}" }
    POST_VARIANTCALLING.out.tbis.view { meta, tbi -> "tbi|${meta.id}|${meta.variantcaller}|${meta.keySet().sort().join('+')}|${tbi.name}" }
}
