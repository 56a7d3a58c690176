"""A record that would fill the memory is refused before htslib takes it in; every other file passes."""

from __future__ import annotations

import gzip
import tracemalloc

import pysam
import pytest

from vcffilter.serve.problems import Problem
from vcffilter.serve.record_sizes import check_record_sizes
from vcffilter.serve.spool import Spool

LINE = b"sim1\t30\t.\tN\tC\t.\t.\tX=" + b"y" * 3000 + b"\n"
HEADER = b"##fileformat=VCFv4.2\n##contig=<ID=sim1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
TEXT = HEADER + LINE * 2000


def as_bcf(text: bytes, folder) -> bytes:
    path, out = folder / "calls.vcf", folder / "calls.bcf"
    path.write_bytes(text.replace(b"#CHROM", b'##INFO=<ID=X,Number=1,Type=String,Description="x">\n#CHROM'))
    with pysam.VariantFile(str(path)) as calls, pysam.VariantFile(str(out), "wb", header=calls.header) as written:
        for record in calls:
            written.write(record)
    return out.read_bytes()


@pytest.fixture
def check(tmp_path):
    spool = Spool(str(tmp_path))

    def checked(data: bytes, longest: int) -> None:
        file = spool.new()
        file.append(data)
        try:
            check_record_sizes(file, lambda: None, longest)
        finally:
            file.close()

    return checked


@pytest.mark.parametrize("kind", ["text", "gzip", "bcf"])
def test_the_longest_record_decides(check, tmp_path, kind):
    data = {"text": TEXT, "gzip": gzip.compress(TEXT[: len(TEXT) // 2]) + gzip.compress(TEXT[len(TEXT) // 2 :])}.get(kind)
    data = as_bcf(TEXT, tmp_path) if data is None else data
    check(data, len(LINE) + 100)
    check(data[: len(data) // 2], len(LINE) + 100)  # damaged: not this one's to say
    with pytest.raises(Problem) as refused:
        check(data, len(LINE) - 100)
    assert refused.value.kind == "too-large"


def test_a_line_of_a_gigabyte_is_refused_and_never_held(check):
    deflated = gzip.compress(HEADER + b"sim1\t30\t.\tN\tC\t.\t.\tX=") + gzip.compress(b"y" * (64 << 20)) * 16
    assert len(deflated) < 2 << 20
    tracemalloc.start()
    try:
        with pytest.raises(Problem):
            check(deflated, 64 << 20)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_the_api_refuses_it(client):
    deflated = gzip.compress(HEADER + b"sim1\t30\t.\tN\tC\t.\t.\tX=") + gzip.compress(b"y" * (65 << 20)) + gzip.compress(b"\n")
    answer = client.post("/v1/filter", params={"reads": "sim"}, content=deflated)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:vcffilter:problem:too-large")
