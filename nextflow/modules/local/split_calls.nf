// Regions that cut a call set into parts of about as many records each, in order. Positions are read once; no record is written.
process SPLIT_CALLS {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/../pileup_filter/environment.yml"
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] ? 'docker-daemon:vcffilter:0.2.0' : 'vcffilter:0.2.0' }"

    input:
    tuple val(meta), path(vcf), path(vcf_index)
    val n_shards

    output:
    tuple val(meta), path("shards/*.bed"), emit: regions

    script:
    """
    set -o pipefail
    mkdir shards
    total=\$(bcftools index --nrecords ${vcf})
    bcftools query --format '%CHROM\\t%POS\\n' ${vcf} | awk -F '\\t' -v total="\$total" -v n=${n_shards} '
        # Contigs end where the next begins, so their lengths are not asked for. No cut lies between records of one POS.
        function region(end0) { printf "%s\\t%d\\t%d\\n", contig, start0, end0 > sprintf("shards/%05d.bed", shard) }
        function next_shard() { shard++; n_records = 0 }
        BEGIN { size = total / n; shard = 1 }
        \$2 < 1 { print "${vcf}: " \$1 ":" \$2 ": no region reaches a record at POS 0. Run without --scatter" > "/dev/stderr"; exit 1 }
        \$1 != contig {
            if (contig != "") region(${Integer.MAX_VALUE})
            if (n_records >= size) next_shard()
            contig = \$1; start0 = 0; last0 = -1
        }
        n_records >= size && \$2 - 1 > last0 { region(\$2 - 1); next_shard(); start0 = \$2 - 1 }
        { n_records++; last0 = \$2 - 1 }
        END { if (contig != "") region(${Integer.MAX_VALUE}) }
    '
    # Nothing called: one shard, so that a file with a header comes out.
    if [ -z "\$(ls shards)" ]; then
        bcftools view --header-only ${vcf} | sed -n 's/^##contig=<ID=\\([^,>]*\\).*/\\1\\t0\\t${Integer.MAX_VALUE}/p' | sed -n 1p > shards/00001.bed
    fi
    """

    stub:
    """
    mkdir shards
    for shard in \$(seq 1 ${n_shards}); do printf 'chr%d\\t0\\t1000\\n' \$shard > shards/\$(printf '%05d' \$shard).bed; done
    """
}
