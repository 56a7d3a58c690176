// The runs of the module's nf-test file by Nextflow itself: the same data, inputs and options (module.config).
include { SIMULATE                  } from '../../nextflow/modules/pileup_filter/tests/simulate/main'
include { PILEUP_FILTER as PLAIN    } from '../../nextflow/modules/pileup_filter/main'
include { PILEUP_FILTER as UPSTREAM } from '../../nextflow/modules/pileup_filter/main'
include { PILEUP_FILTER as BCF      } from '../../nextflow/modules/pileup_filter/main'

workflow {
    SIMULATE([id: 'test'])
    def calls = SIMULATE.out.calls.map { meta, vcf, tbi, bam, bai -> [meta, vcf, tbi, bam, bai, [], [], [], []] }
    def within = SIMULATE.out.calls.combine(SIMULATE.out.regions).map { meta, vcf, tbi, bam, bai, bed -> [meta, vcf, tbi, bam, bai, bed, [], [], []] }
    def model = [[:], []]
    def reference = SIMULATE.out.reference
    PLAIN(calls, reference, model)
    UPSTREAM(within, reference, model)
    BCF(calls, reference, model)
}
