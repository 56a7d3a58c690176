"""Real variant callers with the settings that made ../shared/data/real, one shell pipeline each.

Knows nothing of truth or labels.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_GATK_JAVA = (
    "java -Xmx3g -XX:+UseSerialGC -XX:TieredStopAtLevel=4 "
    "--add-opens java.base/java.lang=ALL-UNNAMED --add-opens java.base/java.util=ALL-UNNAMED"
)


@dataclass(frozen=True)
class CallRequest:
    """One run. bam, reference (FASTA, .fai, .dict), output (.vcf.gz): paths; region: CONTIG:START1-END1.

    gatk: folder of GATK's jars, or None. platform: illumina, hifi or ont; settings of it where a caller has them.
    """

    bam: Path
    reference: Path
    region: str
    output: Path
    gatk: Path | None
    platform: str

    @property
    def words(self) -> dict[str, str]:
        """Shell-quoted values for the pipelines below."""
        words = {
            "bam": self.bam,
            "ref": self.reference,
            "region": self.region,
            "out": self.output,
            "region0": _freebayes_region(self.region),
            "gatk": f"{self.gatk}/*",
        }
        return {name: shlex.quote(str(value)) for name, value in words.items()}


def _freebayes_region(region: str) -> str:
    contig, _, span = region.rpartition(":")
    start, end = span.split("-")
    return f"{contig}:{int(start) - 1}-{end}"


def _bcftools(request: CallRequest) -> str:
    preset = {"illumina": "-q0 -Q13", "hifi": "-X pacbio-ccs", "ont": "-X ont"}[request.platform]
    return f"bcftools mpileup {preset} -f {{ref}} -r {{region}} -a AD,DP {{bam}} | bcftools call -mv -Oz -o {{out}}"


def _bcftools_nobaq(_: CallRequest) -> str:
    return "bcftools mpileup -B -Q 0 -q 0 -d 1000 -a AD,DP -r {region} -f {ref} {bam} | bcftools call -mv -P 0.5 -Oz -o {out}"


def _freebayes(_: CallRequest) -> str:
    return "freebayes -f {ref} -r {region0} {bam} | bcftools view -Oz -o {out}"


def _freebayes_sensitive(_: CallRequest) -> str:
    return "freebayes -f {ref} -r {region0} -F 0.08 -C 2 --pooled-continuous {bam} | bcftools view -Oz -o {out}"


def _pileup_sensitive(_: CallRequest) -> str:
    return (
        "bcftools mpileup -q0 -Q10 -m 1 -F 0.02 -d 2000 -f {ref} -r {region} -a AD,DP {bam}"
        " | bcftools norm -m -any -f {ref}"
        """ | bcftools view -i 'ALT!="<*>" && FMT/AD[0:1]>=2 && FMT/AD[0:1]>=0.08*FMT/DP' -Oz -o {out}"""
    )


def _gatk(tool: str, extra: str = "") -> Callable[[CallRequest], str]:
    command = (
        f"{_GATK_JAVA} -cp {{gatk}} org.broadinstitute.hellbender.Main {tool} -R {{ref}} -I {{bam}}"
        f" -L {{region}} -O {{out}} --native-pair-hmm-threads 1 --verbosity WARNING --QUIET {extra}"
    )
    return lambda _: command


@dataclass(frozen=True)
class Caller:
    """One caller with fixed settings. pipeline: request -> shell text with the request's words in braces."""

    name: str
    pipeline: Callable[[CallRequest], str]
    needs_gatk: bool = False


SHORT_READ_CALLERS = (
    Caller("bcftools", _bcftools),
    Caller("bcftools-nobaq", _bcftools_nobaq),
    Caller("freebayes", _freebayes),
    Caller("freebayes-sensitive", _freebayes_sensitive),
    Caller("haplotypecaller", _gatk("HaplotypeCaller"), needs_gatk=True),
    Caller(
        "haplotypecaller-sensitive",
        _gatk("HaplotypeCaller", "-stand-call-conf 0 --min-pruning 1"),
        needs_gatk=True,
    ),
    Caller("mutect2", _gatk("Mutect2"), needs_gatk=True),
)
LONG_READ_CALLERS = (
    *(caller for caller in SHORT_READ_CALLERS if not caller.name.startswith("freebayes")),
    Caller("pileup-sensitive", _pileup_sensitive),
)
#: GATK is not made for reads with an indel every 30 to 300 bases, and wants read groups, which one set of ONT lacks.
ONT_CALLERS = tuple(caller for caller in LONG_READ_CALLERS if not caller.needs_gatk)
CALLERS = {"illumina": SHORT_READ_CALLERS, "hifi": LONG_READ_CALLERS, "ont": ONT_CALLERS}


def missing_tools(callers: tuple[Caller, ...], gatk: Path | None) -> list[str]:
    """What the callers need and this machine lacks: names of programs, and "gatk"."""
    needed = {"samtools", "bcftools"}
    if any(caller.name.startswith("freebayes") for caller in callers):
        needed.add("freebayes")
    missing = sorted(tool for tool in needed if shutil.which(tool) is None)
    if any(caller.needs_gatk for caller in callers):
        if gatk is None or not any(gatk.glob("gatk-*.jar")):
            missing.append("gatk")
        elif shutil.which("java") is None:
            missing.append("java")
    return missing


def call(caller: Caller, request: CallRequest) -> float:
    """Run one caller unless its output is there; returns seconds, 0.0 when skipped.

    The output appears under its name only when the whole pipeline succeeded. Raises
    subprocess.CalledProcessError.
    """
    if request.output.exists():
        return 0.0
    start = time.perf_counter()
    partial = request.output.with_name(f"partial.{request.output.name}")
    words = {**request.words, "out": shlex.quote(str(partial))}
    log = request.output.with_name(f"{caller.name}.log")
    with open(log, "w") as errors:
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", caller.pipeline(request).format(**words)],
            check=True,
            stdout=errors,
            stderr=errors,
        )
    partial.rename(request.output)
    # GATK writes an index and statistics beside its output, under the name that no longer is.
    for leftover in partial.parent.glob(f"{partial.name}.*"):
        leftover.unlink()
    return time.perf_counter() - start


def prepare_reference(compressed: Path, folder: Path) -> Path:
    """Plain FASTA with .fai and .dict in `folder`, as freebayes and GATK want it; made once."""
    folder.mkdir(parents=True, exist_ok=True)
    reference = folder / "ref.fa"
    if not (folder / "ref.dict").exists():
        with open(reference, "wb") as plain:
            subprocess.run(["bgzip", "-dc", str(compressed)], check=True, stdout=plain)
        subprocess.run(["samtools", "faidx", str(reference)], check=True)
        subprocess.run(["samtools", "dict", "-o", str(folder / "ref.dict"), str(reference)], check=True)
    return reference


def subsample(bam: Path, fraction: float, seed: int, output: Path) -> Path:
    """Indexed copy of the BAM with this share of the read names; made once."""
    if not output.with_name(output.name + ".bai").exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        # samtools takes the seed before the decimal point and the share of read names after it.
        keep = f"{seed + fraction:.4f}"
        subprocess.run(["samtools", "view", "-b", "-s", keep, "-o", str(output), str(bam)], check=True)
        subprocess.run(["samtools", "index", str(output)], check=True)
    return output
