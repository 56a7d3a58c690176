"""The snapshot of the module's nf-test file, as real Nextflow makes it: nf-test itself is on GitHub only.

Run: python tests/nextflow/module_snapshot.py        writes nextflow/modules/pileup_filter/tests/main.nf.test.snap
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from engine import PIPELINE, Engine, Run

TESTS = PIPELINE / "modules/pileup_filter/tests"
SNAPSHOT = TESTS / "main.nf.test.snap"
_SCRIPT = Path(__file__).with_name("module.nf")
#: Options as the nf-test file gives them, and where results go.
_SETTINGS = """
process {
    publishDir = [path: { "results/${task.process}" }, mode: 'copy']
    withName: PLAIN    { ext.args = '--no-version' }
    withName: UPSTREAM { ext.args = '--no-version --reasons'; ext.args2 = '--types snps' }
    withName: BCF      { ext.args = '--no-version -Ob' }
}
"""
_VCF = "test.filtered.vcf.gz"
PLAIN, UPSTREAM, BCF, STUB = (
    "simulated - vcf, bam",
    "simulated - vcf, bam, regions - bcftools view before",
    "simulated - vcf, bam - bcf",
    "simulated - vcf, bam - stub",
)


def run_module(engine: Engine, *arguments: str) -> Run:
    """The nf-test file's runs."""
    return engine.run(*arguments, script=_SCRIPT, settings=_SETTINGS)


def contents(real: Run, stub: Run) -> dict[str, list[Any]]:
    """What the nf-test file's assertions look at, by the test's name."""
    plain, upstream, bcf = (real.results / name for name in ("PLAIN", "UPSTREAM", "BCF"))
    return {
        PLAIN: [_VCF, _records_md5(plain), *_names(plain, "tbi"), _names(plain, "csi"), _counts(plain), _versions()],
        UPSTREAM: [_VCF, _records_md5(upstream), _counts(upstream), _versions()],
        BCF: ["test.filtered.bcf", _names(bcf, "tbi"), *_names(bcf, "csi"), _counts(bcf), _versions()],
        STUB: [_stub(stub.results / "PLAIN")],
    }


def _records_md5(folder: Path) -> str:
    lines = gzip.decompress((folder / _VCF).read_bytes()).decode().splitlines()
    return hashlib.md5("\n".join(line for line in lines if line[0] != "#").encode()).hexdigest()


def _names(folder: Path, ending: str) -> list[str]:
    return [path.name for path in folder.glob(f"*.{ending}")]


def _counts(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "test.filtered.summary.json").read_text())["records"]


def _versions() -> dict[str, list[list[str]]]:
    """As environment.yml pins them."""
    from vcffilter.version import __version__

    environment = (TESTS.parent / "environment.yml").read_text()
    bcftools = environment.partition("bioconda::bcftools=")[2].partition('"')[0]
    return {
        "versions_bcftools": [["PILEUP_FILTER", "bcftools", bcftools]],
        "versions_pileupfilter": [["PILEUP_FILTER", "pileup-filter", __version__]],
    }


def _stub(folder: Path) -> dict[str, Any]:
    def files(ending: str) -> list[list[Any]]:
        found = sorted(folder.glob(f"*.{ending}"))
        return [[{"id": "test"}, f"{path.name}:md5,{_content_md5(path)}"] for path in found]

    return {
        "csi": files("csi"),
        "summary": files("summary.json"),
        "tbi": files("tbi"),
        "vcf": files("vcf.gz"),
        **_versions(),
    }


def _content_md5(path: Path) -> str:
    """nf-test looks into gzip."""
    data = path.read_bytes()
    return hashlib.md5(gzip.decompress(data) if path.name.endswith(".gz") else data).hexdigest()


def main() -> None:
    """Write the snapshot."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder))
        real = run_module(engine)
        stub = run_module(Engine(Path(folder) / "stub"), "-stub")
        assert real.exit_code == 0, real.said
        assert stub.exit_code == 0, stub.said
        made = contents(real, stub)
    meta = {"nf-test": "0.9.3", "nextflow": "25.04.4"}
    now = time.strftime("%Y-%m-%dT%H:%M:%S")
    entries = {name: {"content": content, "meta": meta, "timestamp": now} for name, content in made.items()}
    SNAPSHOT.write_text(json.dumps(entries, indent=4) + "\n")


if __name__ == "__main__":
    main()
