"""Compiles every kernel that a run needs into numba's cache, by a run of one call on three reads: for images, and for `doctor`.

A run asks for each kernel with the types that runs ask for, which no list of signatures would stay in step with.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pysam

from vcffilter.annotation.annotator import Annotator
from vcffilter.annotation.declarations import Provenance
from vcffilter.annotation.settings import AnnotationSettings, Thresholds, annotation_keys
from vcffilter.encoding.encoder import ChunkEncoder
from vcffilter.kernels.encode import ENCODER_VERSION, FEATURE_NAMES
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer
from vcffilter.pipeline.run import run_stream
from vcffilter.reads.alignment_file import ReadSelection, open_reads
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.reader import VariantReader
from vcffilter.variants.writer import VariantWriter, output_spec

_CONTIG, _LENGTH, _CALL_POS0 = "one", 400, 200


def compile_kernels() -> None:
    """Compile what `filter` and `examples` need: for models that take tensors, and for those that do not.

    Raises VcffilterError as a run does. A folder for the cache that cannot be written is a warning in the log, as in a run.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = _tiny_job(Path(folder))
        _filter(options, f"{folder}/out.vcf.gz")
        _filter(replace(options, columns_of=("s", "t")), f"{folder}/samples.vcf.gz")
        _encode_tensors(options)


def _tiny_job(folder: Path) -> EvidenceOptions:
    """A reference of As, three reads, one SNV that one of two samples has."""
    reference, reads, calls = (folder / name for name in ("reference.fa", "reads.bam", "calls.vcf"))
    reference.write_text(f">{_CONTIG}\n{'A' * _LENGTH}\n")
    pysam.faidx(str(reference))
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": _CONTIG, "LN": _LENGTH}], "RG": [{"ID": "g", "SM": "s"}]}
    with pysam.AlignmentFile(str(reads), "wb", header=header) as file:
        for number in range(3):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.reference_id, read.reference_start = f"read{number}", 0, _CALL_POS0 - 50
            read.cigarstring, read.query_sequence, read.mapping_quality = "100M", "A" * 50 + "C" + "A" * 49, 60
            read.set_tag("RG", "g")
            file.write(read)
    pysam.index(str(reads))
    calls.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID={_CONTIG},length={_LENGTH}>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\tt\n"
        f"{_CONTIG}\t{_CALL_POS0 + 1}\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/0\n"
    )
    return EvidenceOptions(str(calls), (str(reads),), str(reference), device="cpu", want_reasons=True)


def _filter(options: EvidenceOptions, out: str) -> None:
    with VariantReader(options.variants_path) as reader:
        scorer = open_scorer(options)
        try:
            settings = AnnotationSettings(
                annotation_keys(),
                Thresholds(0.5, 0.5),
                with_reasons=True,
                with_samples=scorer.columns is not None,
                with_sample_verdicts=scorer.columns is not None,
            )
            provenance = Provenance(scorer.model_id, scorer.model_sha256)
            annotator = Annotator(reader.header, settings, provenance, reader.name)
            with VariantWriter(output_spec(out, "z", None), reader.header) as writer:
                run_stream(reader, scorer, annotator, writer, columns=scorer.columns)
        finally:
            scorer.close()


def _encode_tensors(options: EvidenceOptions) -> None:
    """Reads of two files, one sample's read groups, every channel."""
    selection = ReadSelection(want_haplotype_tag=True, samples=("s",))
    spec = EncoderSpec(ENCODER_VERSION, FEATURE_NAMES, CHANNEL_NAMES, rows=3, columns=3)
    files = open_reads(options.reads_paths * 2, options.reference_path, selection)
    encoder = ChunkEncoder(spec, files, ReferenceFile(options.reference_path))
    try:
        with VariantReader(options.variants_path) as reader:
            for batch in reader.batches():
                encoder.encode(take_chunk(reader.header, batch).alleles)
                reader.release(batch)
    finally:
        encoder.close()
