"""Good and bad samplesheets: what was meant is read, everything else gives one message with the line at fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cohort import Cohort
from engine import PIPELINE, Engine

_SCRIPT = Path(__file__).with_name("sheets.nf")
_HEAD = "sample,vcf,reads\n"
_GOOD = {
    "windows.csv": ("\ufeffsample,vcf,reads\r\nS1,c.vcf.gz,r.bam\r\n\r\n", "read: S1 c.vcf.gz c.vcf.gz.tbi r.bam r.bam.bai -"),
    "table.tsv": ("vcf\tsample\treads\nc.vcf.gz\tS1\tr.bam", "read: S1 c.vcf.gz c.vcf.gz.tbi r.bam r.bam.bai -"),
    "quoted.csv": ('"sample","vcf",reads\n"S1","a, b.vcf", r.bam \n', "read: S1 a, b.vcf - r.bam r.bam.bai -"),
    "lanes.csv": (
        f"{_HEAD}S1,c.vcf.gz,r.bam\nS2,a.bcf,t.cram\nS1,c.vcf.gz,s.bam\n",
        "read: S1 c.vcf.gz c.vcf.gz.tbi r.bam+s.bam r.bam.bai+s.bai -; S2 a.bcf a.bcf.csi t.cram t.cram.crai -",
    ),
    "named.csv": (
        "sample,vcf,reads,vcf_index,reads_index,sample_map\nS1,a.bcf,r.bam,c.vcf.gz.tbi,s.bai,map.tsv\nS2,a.bcf,r.bam,,,\n",
        "read: S1 a.bcf c.vcf.gz.tbi r.bam s.bai map.tsv; S2 a.bcf a.bcf.csi r.bam r.bam.bai -",
    ),
    "others.csv": (
        "sample,vcf,reads,background\nS1,a.bcf,r.bam,s.bam; t.cram\nS2,a.bcf,r.bam,\nS1,a.bcf,u.bam,t.cram;s.bam;\n",
        "read: S1 a.bcf a.bcf.csi r.bam+u.bam r.bam.bai+u.bam.csi - beside s.bam+t.cram s.bai+t.cram.crai; "
        "S2 a.bcf a.bcf.csi r.bam r.bam.bai -",
    ),
}
#: The message stands behind the file's name.
_BAD = {
    "empty.csv": ("", ", line 1: no column 'sample', 'vcf', 'reads'. The first line names the columns: sample, vcf, reads,"),
    "header.csv": (_HEAD, ": no samples. One line for each BAM: sample,vcf,reads"),
    "headless.csv": ("S1,c.vcf.gz,r.bam\n", ", line 1: no column 'sample', 'vcf', 'reads'."),
    "semicolons.csv": ("sample;vcf;reads\nS1;c.vcf.gz;r.bam\n", ", line 1: no column 'sample', 'vcf', 'reads'."),
    "no-column.csv": ("sample,vcf\nS1,c.vcf.gz\n", ", line 1: no column 'reads'."),
    "other-column.csv": (
        "sample,vcf,reads,bam\nS1,c.vcf.gz,r.bam,r.bam\n",
        ", line 1: unknown column 'bam'. Columns are: sample,",
    ),
    "column-twice.csv": ("sample,vcf,reads,vcf\nS1,c.vcf.gz,r.bam,c.vcf.gz\n", ", line 1: a column is named twice"),
    "short-line.csv": (f"{_HEAD}S1,c.vcf.gz,r.bam\nS2,c.vcf.gz\n", ", line 3: 2 fields, but the header has 3"),
    "long-line.csv": (f"{_HEAD}S1,c.vcf.gz,r.bam,x\n", ", line 2: 4 fields, but the header has 3"),
    "no-name.csv": (f"{_HEAD},c.vcf.gz,r.bam\n", ", line 2: 'sample' is empty"),
    "no-reads.csv": (f"{_HEAD}S1,c.vcf.gz,\n", ", line 2: 'reads' is empty"),
    "space.csv": (f"{_HEAD}S 1,c.vcf.gz,r.bam\n", ", line 2: the sample 'S 1' becomes part of file names"),
    "path.csv": (f"{_HEAD}../S1,c.vcf.gz,r.bam\n", ", line 2: the sample '../S1' becomes part of file names"),
    "shell.csv": (f"{_HEAD}$(id),c.vcf.gz,r.bam\n", ", line 2: the sample '$(id)' becomes part of file names"),
    "no-file.csv": (f"{_HEAD}\nS1,none.vcf.gz,r.bam\n", ", line 3: none.vcf.gz: no such file"),
    "folder.csv": (f"{_HEAD}S1,folder.vcf.gz,r.bam\n", ", line 2: folder.vcf.gz: a folder, not a file"),
    "pattern.csv": (f"{_HEAD}S1,*.vcf.gz,r.bam\n", ", line 2: *.vcf.gz: one file by its name, no pattern"),
    "swapped.csv": (f"{_HEAD}S1,r.bam,c.vcf.gz\n", ", line 2: r.bam: 'vcf' takes .vcf, .vcf.gz and .bcf"),
    "sam.csv": (f"{_HEAD}S1,c.vcf.gz,r.sam\n", ", line 2: r.sam: 'reads' takes .bam and .cram"),
    "no-index.csv": (
        f"{_HEAD}S1,c.vcf.gz,bare.bam\n",
        ", line 2: bare.bam has no index beside it. Index it with: samtools index bare.bam",
    ),
    "other-calls.csv": (f"{_HEAD}S1,c.vcf.gz,r.bam\nS1,a.bcf,s.bam\n", ", line 3: sample 'S1' has another call set than before"),
    "reads-twice.csv": (
        f"{_HEAD}S1,c.vcf.gz,r.bam\nS1,c.vcf.gz,r.bam\n",
        ", line 3: sample 'S1' has these reads already: r.bam",
    ),
    "others-absent.csv": ("sample,vcf,reads,background\nS1,a.bcf,r.bam,s.bam;x.bam\n", ", line 2: x.bam: no such file"),
    "others-bare.csv": (
        "sample,vcf,reads,background\nS1,a.bcf,r.bam,bare.bam\n",
        ", line 2: bare.bam has no index beside it. Index it with: samtools index bare.bam",
    ),
    "others-calls.csv": (
        "sample,vcf,reads,background\nS1,a.bcf,r.bam,c.vcf.gz\n",
        ", line 2: c.vcf.gz: 'background' takes .bam and .cram, several with ; between them",
    ),
    "others-itself.csv": (
        "sample,vcf,reads,background\nS1,a.bcf,r.bam,s.bam;r.bam\n",
        ", line 2: sample 'S1' has r.bam as reads and as background: a sample is no background of itself",
    ),
    "binary.csv": ("\x00\x01\x02\n", ": not a text file"),
}  # fmt: skip
_FILES = (
    "c.vcf.gz", "c.vcf.gz.tbi", "a.bcf", "a.bcf.csi", "a, b.vcf", "r.bam", "r.bam.bai", "s.bam", "s.bai", "t.cram", "t.cram.crai",
    "u.bam", "u.bam.csi", "r.sam", "bare.bam", "map.tsv",
)  # fmt: skip


@pytest.mark.reliability("Nextflow: good and bad samplesheets, each read or refused with its line")
def test_samplesheets(engine: Engine, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    cases = {**_GOOD, **_BAD}
    record_property("cases", len(cases))
    folder = tmp_path / "sheets"
    (folder / "folder.vcf.gz").mkdir(parents=True)
    for name in _FILES:
        (folder / name).write_bytes(b"")
    for name, (text, _) in cases.items():
        (folder / name).write_bytes(text.encode())

    run = engine.run("--folder", folder, script=_SCRIPT)

    assert run.exit_code == 0, run.said
    said = dict(line.split("|", 1) for line in run.said.splitlines() if "|" in line)
    said.pop("map.tsv")
    assert set(said) == set(cases)
    wrong = {name: said[name] for name, (_, wanted) in _GOOD.items() if said[name] != wanted}
    wrong |= {name: said[name] for name, (_, wanted) in _BAD.items() if not said[name].startswith(name + wanted)}
    assert wrong == {}


@pytest.mark.long
@pytest.mark.reliability("Nextflow: wrong options are refused before a task runs")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scater", "4"], "unknown option --scater. Options are: --input"),
        (["--fasta", "none.fa"], "none.fa: no such file"),
    ],
)
def test_wrong_options(cohort: Cohort, engine: Engine, options: list[str], message: str) -> None:
    run = engine.run("--input", cohort.sheet, "--fasta", cohort.reference, *options, script=PIPELINE / "main.nf")

    assert run.exit_code == 1
    assert message in run.said
    assert run.attempts == []
