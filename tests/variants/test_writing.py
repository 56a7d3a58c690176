"""Where output goes, and that it appears only when it is complete."""

from __future__ import annotations

import os

import pytest

from vcffilter.errors import OutputError, UsageError
from vcffilter.variants.reader import VariantReader
from vcffilter.variants.writer import VariantWriter, output_spec

TEXT = "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n1\t5\t.\tA\tC\t.\t.\t.\n"


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        ("-", None, ("v", None)),
        ("a.vcf.gz", None, ("z", None)),
        ("a.bcf", None, ("b", None)),
        ("a.txt", None, ("v", None)),
        ("a.vcf", "z", ("z", None)),
        ("a.vcf", "z9", ("z", 9)),
        ("-", "b0", ("b", 0)),
        ("-", "u", ("u", None)),
        ("-", "v3", ("v", None)),
        ("-", "u0", ("u", None)),
    ],
)
def test_type_comes_from_the_option_then_the_name(path, kind, expected):
    spec = output_spec(path, kind, None)
    assert (spec.kind, spec.level) == expected


@pytest.mark.parametrize(
    ("path", "kind", "index"),
    [
        ("-", "q", None),
        ("-", "z10", None),
        ("-", "v33", None),
        ("-", "vx", None),
        ("-", "z", "csi"),
        ("a", "v", "csi"),
        ("a", "b", "tbi"),
    ],
)
def test_what_does_not_fit_together(path, kind, index):
    with pytest.raises(UsageError):
        output_spec(path, kind, index)


@pytest.fixture
def reader(tmp_path):
    source = tmp_path / "in" / "in.vcf"
    source.parent.mkdir()
    source.write_text(TEXT)
    with VariantReader(str(source)) as opened:
        yield opened


def test_file_appears_with_commit_only(reader, tmp_path):
    target = tmp_path / "out.vcf"
    with VariantWriter(output_spec(str(target), None, None), reader.header) as writer:
        for batch in reader.batches():
            writer.write(batch)
        assert not target.exists()
        writer.commit()
        assert target.exists()
    assert target.read_text().splitlines()[-1] == TEXT.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir() if path.name != "in"] == ["out.vcf"]


def test_without_commit_nothing_stays(reader, tmp_path):
    with VariantWriter(output_spec(str(tmp_path / "out.vcf.gz"), None, "csi"), reader.header):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_link_is_followed_and_stays(reader, tmp_path):
    real, link = tmp_path / "real.vcf", tmp_path / "link.vcf"
    real.write_text("old")
    link.symlink_to(real)
    with VariantWriter(output_spec(str(link), None, None), reader.header) as writer:
        writer.commit()
    assert link.is_symlink()
    assert real.read_text().startswith("##fileformat")


def test_pipe_is_written_itself(reader, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    receiver = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with VariantWriter(output_spec(str(fifo), None, None), reader.header) as writer:
            writer.commit()
        assert os.read(receiver, 12) == b"##fileformat"
    finally:
        os.close(receiver)
    assert fifo.is_fifo()


def test_folder_is_no_output(reader, tmp_path):
    with pytest.raises(OutputError, match="directory"):
        VariantWriter(output_spec(str(tmp_path), None, None), reader.header)


def test_a_contig_that_only_records_name_is_not_declared_in_the_output(tmp_path):
    """htslib adds it to the header while it reads, and the header is written after the first records were read."""
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    source.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nnew\t5\t.\tA\tC\t.\t.\t.\n"
    )
    with VariantReader(str(source)) as reader, VariantWriter(output_spec(str(target), None, None), reader.header) as writer:
        for batch in reader.batches():
            reader.header.append("##late=line")
            writer.write(batch)
        writer.commit()
    text = target.read_text()
    assert "##contig=<ID=new" not in text
    assert "##contig=<ID=1>" in text
    assert "##late=line" in text
    assert text.endswith("new\t5\t.\tA\tC\t.\t.\t.\n")
