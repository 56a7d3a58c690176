// One page about all samples, from the summaries of their runs. Any MultiQC does: the plugin comes along.
process MULTIQC {
    label 'process_single'

    conda "bioconda::multiqc=1.33"
    container 'quay.io/biocontainers/multiqc:1.33--pyhdfd78af_0'

    input:
    path summaries, stageAs: 'summaries/*'
    path config
    path versions
    path plugin

    output:
    path "multiqc_report.html", emit: report
    path "multiqc_report_data", emit: data

    script:
    def args = task.ext.args ?: ''
    """
    export HOME="\$PWD" MPLCONFIGDIR="\$PWD"

    # What an installation of the plugin would tell MultiQC (packaging/multiqc/pyproject.toml).
    about=plugin/multiqc_pileup_filter-0.dist-info
    mkdir -p \$about
    cp -rL ${plugin} plugin/multiqc_pileup_filter
    printf 'Metadata-Version: 2.1\\nName: multiqc-pileup-filter\\nVersion: 0\\n' > \$about/METADATA
    printf '[multiqc.modules.v1]\\npileup_filter = multiqc_pileup_filter:MultiqcModule\\n\\n' > \$about/entry_points.txt
    printf '[multiqc.hooks.v1]\\nbefore_config = multiqc_pileup_filter.hooks:before_config\\n' >> \$about/entry_points.txt

    PYTHONPATH=\$PWD/plugin multiqc --force --config ${config} ${args} --filename multiqc_report.html summaries ${versions}
    """

    stub:
    """
    touch multiqc_report.html
    mkdir multiqc_report_data
    """
}
