"""One hierarchy of errors. Raised where the fact is known; `vcffilter.commands.main` turns them into a message and an exit code.

A message says what is wrong, where (file, CHROM:POS, record number) and what to do about it. This module imports nothing.
"""

from __future__ import annotations


class VcffilterError(Exception):
    """A fact that ends the run.

    what: one sentence, no trailing period. path: the file concerned. contig, pos1: where in the genome (1-based).
    record_number: 1-based number of the record in its file. hint: what to do, preferably a command.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        path: str | None = None,
        contig: str | None = None,
        pos1: int | None = None,
        record_number: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.path = path
        self.contig = contig
        self.pos1 = pos1
        self.record_number = record_number
        self.hint = hint

    def __str__(self) -> str:
        where = []
        if self.path is not None:
            where.append(str(self.path))
        if self.contig is not None:
            where.append(self.contig if self.pos1 is None else f"{self.contig}:{self.pos1}")
        if self.record_number is not None:
            where.append(f"record {self.record_number}")
        message = f"{', '.join(where)}: {self.what}" if where else self.what
        return f"{message}. {self.hint}" if self.hint else message


class UsageError(VcffilterError):
    """The command line asks for something that cannot be (exit code 2)."""

    exit_code = 2


class VariantFileError(VcffilterError):
    """A VCF/BCF cannot be opened, read, or is not sorted."""


class ReadsFileError(VcffilterError):
    """A BAM/CRAM cannot be opened or read, has no index, or lacks a sample."""


class ReferenceFileError(VcffilterError):
    """The FASTA cannot be opened, has no index, or disagrees with the records."""


class ReferenceMismatchError(ReferenceFileError):
    """The calls are not of this FASTA; nothing is wrong with the file itself."""


class UnknownSampleError(VariantFileError):
    """A sample was asked for that the calls do not have."""


class ContigNamingError(VcffilterError):
    """Two files name the same contigs differently (chr20 against 20)."""


class RegionError(VcffilterError):
    """A region or a BED file cannot be understood."""


class ModelError(VcffilterError):
    """A checkpoint cannot be loaded or does not fit the encoder, or a device is missing."""


class OutputError(VcffilterError):
    """The output cannot be written: permission, disk full, closed pipe."""


class MissingExtraError(VcffilterError):
    """A command needs an optional dependency that is not installed; the hint names the extra."""


def install_hint(package: str, extra: str) -> str:
    """What installs an optional dependency wherever this program came from, and all of its kind in a clone of the repository."""
    return f"Install it with: pip install {package} (in a clone, with all of its kind: pip install '.[{extra}]')"


class TrainingError(VcffilterError):
    """A training configuration or data set cannot be used."""
