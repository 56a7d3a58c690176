"""No command writes over what it reads."""

from __future__ import annotations

import pytest

from vcffilter.commands.main import run

LABELLED = "calls.vcf -b reads.bam -f ref.fa --truth truth.vcf"
CONFIG = "model_id: mine\ndata: [examples.h5]\n"


@pytest.mark.parametrize(
    ("command", "overwritten"),
    [
        (f"calibrate {LABELLED} --model mine.safetensors -o mine.safetensors", "mine.safetensors"),
        (f"calibrate {LABELLED} --model mine.safetensors -o ./other/../mine.safetensors", "mine.safetensors"),
        ("calibrate calls.vcf -b reads.bam -f ref.fa --labels labels.md -o labels.safetensors", "labels.md"),
        ("evaluate calls.vcf --truth truth.vcf -f ref.fa --vcf calls.vcf", "calls.vcf"),
        ("evaluate calls.vcf --truth truth.vcf -f ref.fa --confident calls.tsv -o .", "calls.tsv"),
        ("train config.yaml --init mine.safetensors -o .", "mine.safetensors"),
        ("simulate -f reference.fa:chr1 -o .", "reference.fa"),
        ("simulate -f reference.fa -o . --tile-records 100", "reference.fa"),
    ],
)
def test_an_output_that_is_an_input_is_refused(tmp_path, monkeypatch, capfd, command, overwritten):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    before = {}
    for name in ("calls.vcf", "truth.vcf", "ref.fa", "reads.bam", "mine.safetensors", "labels.md", "calls.tsv", "reference.fa"):
        before[name] = f"{name} as it was"
    before["config.yaml"] = CONFIG
    for name, content in before.items():
        (tmp_path / name).write_text(content)
    assert run(command.split()) == 2
    error = capfd.readouterr().err
    assert "would be written over" in error
    assert overwritten in error
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()} == before
