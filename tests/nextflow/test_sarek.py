"""The branch for nf-core/sarek: made in a stand-in that has the lines of sarek's that matter, and run with sarek's channels."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cohort import Cohort
from engine import PIPELINE, ROOT, Engine

_MAKE = PIPELINE / "sarek/make_branch.py"
#: A stand-in, with the lines that matter.
_POST = """
include { VCF_VARLOCIRAPTOR_SOMATIC } from '../vcf_varlociraptor_somatic'

workflow POST_VARIANTCALLING {
    take:
    tools
    cram_germline
    germline_vcfs
    germline_tbis
    fasta
    fai

    main:
    versions = Channel.empty()
    vcfs = Channel.empty()
    tbis = Channel.empty()

    if (tools && tools.split(',').contains('varlociraptor')) {
        VCF_VARLOCIRAPTOR_SOMATIC()
    }
    vcfs = vcfs.mix(germline_vcfs)
    tbis = tbis.mix(germline_tbis)

    emit:
    vcfs
    tbis
    versions
}
"""
_FILES = {
    "subworkflows/local/post_variantcalling/main.nf": _POST,
    "subworkflows/local/vcf_varlociraptor_somatic/main.nf": """workflow VCF_VARLOCIRAPTOR_SOMATIC {
    main:
    channel.empty()
}
""",
    "nextflow.config": """params {
    tools            = null
    joint_germline   = false
    outdir           = 'results'
    publish_dir_mode = 'copy'
}

includeConfig 'conf/modules/post_variant_calling.config'
""",
    "conf/modules/post_variant_calling.config": "",
    "nextflow_schema.json": """{
    "tools": "^((freebayes|vep|varlociraptor)?,?)*(?<!,)$",
    "properties": {
        "varlociraptor_chunk_size": {
            "type": "integer"
        }
    }
}
""",
}


@pytest.fixture
def sarek(tmp_path: Path) -> Path:
    """A git repository with the stand-in."""
    folder = tmp_path / "sarek"
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for command in (["init", "-q"], ["config", "user.name", "test"], ["config", "user.email", "test@localhost"], ["add", "-A"]):
        subprocess.run(["git", "-C", folder, *command], check=True)
    subprocess.run(["git", "-C", folder, "commit", "-q", "-m", "sarek"], check=True)
    return folder


def _make(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, _MAKE, folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _write_inputs(cohort: Cohort, folder: Path) -> None:
    """Every sample's reads as one CRAM, its calls as two callers', with their indexes."""
    folder.mkdir()
    for sample in cohort.samples:
        cram = folder / f"{sample.name}.cram"
        merge = ["samtools", "merge", "-u", "-o", "-", *sample.reads]
        merged = subprocess.run(merge, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["samtools", "view", "-C", "-T", cohort.reference, "-o", cram, "-"], check=True, input=merged)
        subprocess.run(["samtools", "index", cram], check=True)
        for caller in ("freebayes", "manta"):
            for ending in ("", ".tbi"):
                shutil.copy(f"{sample.calls}{ending}", folder / f"{sample.name}.{caller}.vcf.gz{ending}")


@pytest.mark.reliability("Nextflow: the branch for nf-core/sarek, with sarek's channels: CRAM, two callers, metas unchanged")
def test_branch_filters_in_post_variantcalling(
    sarek: Path, cohort: Cohort, engine: Engine, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    made = _make(sarek)
    assert made.returncode == 0, made.stdout
    assert "pileup_filter|varlociraptor" in json.loads((sarek / "nextflow_schema.json").read_text())["tools"]
    lint = [ROOT / ".ci/nextflow-lint", *sarek.rglob("vcf_pileup_filter/main.nf"), *sarek.glob("conf/modules/*.config")]
    assert subprocess.run(lint, stdout=subprocess.PIPE, text=True).stdout.endswith(" 0 findings\n")
    _write_inputs(cohort, tmp_path / "inputs")
    shutil.copy(Path(__file__).with_name("sarek.nf"), sarek / "main.nf")

    arguments = ["--folder", tmp_path / "inputs", "--fasta", cohort.reference, "--tools", "freebayes,manta,pileup_filter"]
    run = engine.run(*arguments, "--pileup_filter_args=--no-version", script=sarek / "main.nf")

    assert run.exit_code == 0, run.said
    record_property("cases", len(cohort.samples))
    emitted = sorted(line for line in run.said.splitlines() if line.startswith(("vcf|", "tbi|")))
    assert emitted == sorted(
        f"{kind}|{sample.name}|{caller}|id+variantcaller|{sample.name}.{caller}{name}.vcf.gz{ending}"
        for sample in cohort.samples
        for kind, ending in (("vcf", ""), ("tbi", ".tbi"))
        for caller, name in (("freebayes", ".pileup_filter"), ("manta", ""))
    )
    for sample in cohort.samples:
        written = run.results / f"variant_calling/pileup_filter/{sample.name}/{sample.name}.freebayes.pileup_filter.vcf.gz"
        assert gzip.decompress(written.read_bytes()) == cohort.filtered(sample)


def test_branch_is_not_made_beside_lines_that_are_not_there(sarek: Path) -> None:
    post = sarek / "subworkflows/local/post_variantcalling/main.nf"
    post.write_text(_POST.replace("    germline_tbis\n", "", 1))
    before = post.read_text()

    made = _make(sarek)

    assert made.returncode == 1
    name = "subworkflows/local/post_variantcalling/main.nf"
    assert made.stdout.startswith(f"make_branch.py: {name}: no line like '^    germline_tbis$'")
    assert post.read_text() == before
    assert not (sarek / "modules").exists()
