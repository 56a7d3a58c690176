"""Snakemake wrapper, WDL task and Galaxy tool: run where their engine runs here, linted by their own linters; Glow's pipe."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from packaged import ROOT, filter_calls, records, tool_python, tools

from vcffilter.version import __version__

PACKAGING = ROOT / "packaging"


@pytest.mark.reliability("Snakemake: the wrapper's own Snakefile by snakemake equals the run by hand")
def test_the_snakemake_wrapper(sample, program, tmp_path, record_property):
    record_property("cases", 2)
    (tmp_path / "SIM").symlink_to(sample)
    snakefile = (PACKAGING / "snakemake" / "test" / "Snakefile").read_text()
    (tmp_path / "Snakefile").write_text(snakefile.replace('"master/bio/pileup-filter"', f'"file://{PACKAGING}/snakemake"'))
    program("bcftools", "index", "-f", "-t", sample / "calls.vcf.gz")
    targets = ["SIM.filtered.vcf.gz", "SIM.sim1.bcf"]
    program("snakemake", "--cores", 2, *targets, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    filter_calls(program, sample, tmp_path / "by-hand.vcf.gz", "--reasons")
    assert records(tmp_path / "SIM.filtered.vcf.gz") == records(tmp_path / "by-hand.vcf.gz")
    assert (tmp_path / "SIM.filtered.vcf.gz.tbi").exists()
    assert "records" in (tmp_path / "logs" / "SIM.log").read_text()
    assert program("bcftools", "view", "-H", tmp_path / "SIM.sim1.bcf").count("\n") == len(records(sample / "whole.vcf.gz"))


def test_the_snakefile_is_formatted_and_the_wrapper_described():
    tools(["snakefmt", "--check", PACKAGING / "snakemake" / "test" / "Snakefile"])
    meta = yaml.safe_load((PACKAGING / "snakemake" / "meta.yaml").read_text())
    assert {"name", "description", "authors", "input", "output"} <= set(meta)
    environment = yaml.safe_load((PACKAGING / "snakemake" / "environment.yaml").read_text())
    assert environment["channels"] == ["conda-forge", "bioconda", "nodefaults"]


_COMMAND_OF_WDL = """
import asyncio, os, sys, WDL
task = WDL.load(sys.argv[1]).tasks[0]
folder = sys.argv[2]
given = {"calls": WDL.Value.File(folder + "/calls.vcf.gz"), "reference": WDL.Value.File(folder + "/reference.fa"),
         "reference_index": WDL.Value.File(folder + "/reference.fa.fai"), "prefix": WDL.Value.String("it's"),
         "preset": WDL.Value.String("balanced"),
         "reads": WDL.Value.Array(WDL.Type.File(), [WDL.Value.File(folder + "/reads.bam")]),
         "reads_indexes": WDL.Value.Array(WDL.Type.File(), [WDL.Value.File(folder + "/reads.bam.bai")])}
stdlib = WDL.StdLib.Base(task.effective_wdl_version)
env = WDL.Env.Bindings()
for one in task.inputs:
    value = given.get(one.name)
    if value is None:
        value = one.expr.eval(env, stdlib).coerce(one.type) if one.expr is not None else WDL.Value.Null()
    env = env.bind(one.name, value)
print("".join(part if isinstance(part, str) else part.eval(env, stdlib).value for part in task.command.parts))
"""


def test_the_wdl_task(sample, program, tmp_path):
    """`miniwdl run` needs an engine for containers: the task's command is run as miniwdl writes it."""
    wdl = PACKAGING / "wdl" / "pileup_filter.wdl"
    tools(["miniwdl", "check", "--strict", wdl])
    command = subprocess.run(
        [tool_python(), "-c", _COMMAND_OF_WDL, wdl, sample], check=True, capture_output=True, text=True, cwd="/"
    ).stdout
    program("bash", "-c", command, cwd=tmp_path)
    assert records(tmp_path / "it's.vcf.gz") == records(sample / "whole.vcf.gz")
    assert (tmp_path / "it's.vcf.gz.tbi").exists()


def test_the_galaxy_tool():
    tool = PACKAGING / "galaxy" / "pileup_filter.xml"
    tools(["xmllint", "--noout", tool])
    said = tools(["planemo", "lint", "--fail_level", "warn", tool])
    assert "ToolIDValid" in said


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("galaxy/pileup_filter.xml", r'@TOOL_VERSION@">([^<]+)<'),
        ("snakemake/environment.yaml", r"vcffilter =(.+)"),
        ("wdl/pileup_filter.wdl", r'"vcffilter:([^"]+)"'),
        ("conda/recipe.yaml", r'version: "([^"]+)"'),
    ],
)
def test_versions_are_those_of_the_program(file, place):
    assert re.search(place, (PACKAGING / file).read_text())[1] == __version__


@pytest.mark.reliability("Spark: the contract of Glow's pipe (header and sorted rows of each partition, text both ways)")
def test_the_pipe_of_glow(sample, program, tmp_path, record_property):
    """Each partition goes in with the whole header and comes out with as many rows; together they are the whole run."""
    whole = program("bcftools", "view", sample / "calls.vcf.gz").splitlines(keepends=True)
    header, rows = [line for line in whole if line[0] == "#"], [line for line in whole if line[0] != "#"]
    cuts = [0, 40, 41, 41, len(rows)]  # of any size; one has a single row, one has none
    record_property("cases", len(cuts) - 1)
    command = ["pileup-filter", "filter", "-", "-b", sample / "reads.bam", "-f", sample / "reference.fa", "-q", "--threads", "1"]
    texts = ["".join(header + rows[first:end]) for first, end in zip(cuts[:-1], cuts[1:], strict=True)]

    def pipe(text: str) -> list[str]:
        done = subprocess.run([*map(str, command)], input=text, capture_output=True, text=True, check=True)
        return done.stdout.splitlines(keepends=True)

    found = []
    with ThreadPoolExecutor(2) as executor:
        for lines in executor.map(pipe, texts):
            assert lines[0].startswith("##fileformat=VCF")
            assert sum(line.startswith("#CHROM") for line in lines) == 1
            found += [line.encode() for line in lines if line[0] != "#"]
    assert found == records(sample / "whole.vcf.gz")
