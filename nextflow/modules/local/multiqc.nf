// One page about all samples, from the summaries of their runs.
process MULTIQC {
    label 'process_single'

    container 'quay.io/vcffilter/vcffilter:0.2.0'

    input:
    path summaries, stageAs: 'summaries/*'
    path config
    path versions

    output:
    path "multiqc_report.html", emit: report
    path "multiqc_report_data", emit: data

    script:
    def args = task.ext.args ?: ''
    """
    export HOME="\$PWD" MPLCONFIGDIR="\$PWD"
    multiqc --force --config ${config} ${args} --filename multiqc_report.html .
    """

    stub:
    """
    touch multiqc_report.html
    mkdir multiqc_report_data
    """
}
