import io
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vcffilter.commands.label import label, write_whole
from vcffilter.errors import OutputError, UsageError
from vcffilter.labelling.files import LabelInputs, label_file, read_labels

ROOT = Path(__file__).parents[2]
SETS = ["nygc-chr22", "broad8x-chr20", "hifi-revio-chr20"]


@pytest.mark.parametrize("name", SETS)
def test_real_call_sets_get_the_labels_of_vcfeval(shared_data, name, tmp_path):
    folder = shared_data / "real" / name
    inputs = LabelInputs(folder / "truth.vcf.gz", folder / "reference.fa.gz", folder / "confident.bed")
    total = wrong = 0
    for expected_path in folder.glob("*.labels.tsv"):
        caller = expected_path.name.removesuffix(".labels.tsv")
        with open(tmp_path / caller, "w") as output:
            label_file(folder / f"{caller}.vcf.gz", inputs, output)
        found, expected = read_labels(tmp_path / caller), read_labels(expected_path)
        # Alleles that `bcftools norm -m` rewrote are under another spelling there.
        shared = [key for key in expected if key in found and expected[key] != "DISPUTED"]
        assert len(shared) > 0.8 * len(found)
        total += len(shared)
        wrong += sum(found[key] != expected[key] for key in shared)
    assert wrong <= 0.005 * total


def test_command_writes_what_the_function_writes(shared_data, tmp_path):
    folder = shared_data / "real" / "nygc-chr21b"
    output = tmp_path / "labels.tsv"
    arguments = [
        str(folder / "freebayes.vcf.gz"),
        *("--truth", str(folder / "truth.vcf.gz"), "--confident", str(folder / "confident.bed")),
        *("-f", str(folder / "reference.fa.gz"), "-o", str(output)),
    ]
    result = CliRunner().invoke(label, arguments, catch_exceptions=False)
    expected = io.StringIO()
    inputs = LabelInputs(folder / "truth.vcf.gz", folder / "reference.fa.gz", folder / "confident.bed")
    counts = label_file(folder / "freebayes.vcf.gz", inputs, expected)
    assert output.read_text() == expected.getvalue()
    assert f"TP {counts['TP']}" in result.output


@pytest.mark.parametrize(
    "arguments",
    [["--truth", "t.vcf"], ["--confident", "c.bed"], ["--truth", "t.vcf", "-f", "r.fa", "--match-genotypes"]],
)
def test_options_that_do_not_go_together(arguments):
    result = CliRunner().invoke(label, ["calls.vcf", *arguments])
    assert isinstance(result.exception, UsageError)


def test_a_failed_run_leaves_no_file(tmp_path):
    target = tmp_path / "labels.tsv"

    def fail(stream):
        stream.write("half")
        raise UsageError("no")

    with pytest.raises(UsageError):
        write_whole(str(target), fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_named():
    with pytest.raises(OutputError, match="nowhere"):
        write_whole("/nowhere/at/all.tsv", lambda stream: None)


def test_importing_the_command_stays_light():
    heavy = "[name for name in ('torch', 'numba', 'pysam') if name in sys.modules]"
    code = f"import sys, vcffilter.commands.label; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
