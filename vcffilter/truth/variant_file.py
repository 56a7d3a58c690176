"""A VCF or BCF read by cyvcf2, whose bare errors become ours. Must not know what is compared with what."""

from __future__ import annotations

import ctypes
import gzip
import logging
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import cyvcf2

from vcffilter.errors import ContigNamingError, VariantFileError
from vcffilter.index_file import refuse_damaged_index_of_variants
from vcffilter.variants.intervals import FIRST_POS0, UNBOUNDED, Intervals, Regions
from vcffilter.variants.reader import VariantReader

logger = logging.getLogger(__name__)

# The empty block that ends every whole BGZF file, and how a BGZF file begins (gzip with an extra field).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BGZF_START = _BGZF_END[:4]
_DECLARATION = re.compile(r"^##(contig|INFO|FORMAT)=<(?:[^\"\n]*?,)?ID=([^,>\n]+)", re.MULTILINE)


class VariantFile:
    """An open VCF, VCF.gz or BCF ("-": standard input); use it with `with`. Raises VariantFileError.

    header_text: every line of the header. samples: in the file's order. contigs, info_keys, format_keys: what the header
    declares; contigs of a header that declares none: what the index names. has_index: whether `records` can jump to a contig.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        if not logger.isEnabledFor(logging.DEBUG):
            _silence_htslib()
        self._file = self._open()
        self.samples = [str(name) for name in self._file.samples]
        self.header_text: str = self._file.raw_header
        declared: dict[str, set[str]] = {"contig": set(), "INFO": set(), "FORMAT": set()}
        for kind, name in _DECLARATION.findall(self.header_text):
            declared[kind].add(name)
        self.contigs, self.info_keys, self.format_keys = declared["contig"], declared["INFO"], declared["FORMAT"]
        self.has_index = any(os.path.exists(f"{self.path}.{ending}") for ending in ("tbi", "csi"))
        self._is_bcf = self.has_index and _is_bcf(self.path)
        # A BCF numbers its contigs by its header, and its index names none: cyvcf2 would look for names that are not there.
        if not self.contigs and self.has_index and not self._is_bcf:
            self.contigs = {str(name) for name in self._file.seqnames}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def choose_sample(self, sample: str | None) -> str | None:
        """Read no other genotypes than this sample's, the first's when None; its name, None without samples."""
        if sample is not None and sample not in self.samples:
            names = ", ".join(self.samples) or "none"
            raise VariantFileError(f"has no sample {sample!r}", path=self.path, hint=f"Its samples are: {names}")
        chosen = sample if sample is not None else next(iter(self.samples), None)
        if chosen is not None:
            self._file.set_samples([chosen])
        return chosen

    def records(self, contig: str | None = None) -> Iterator[Any]:
        """cyvcf2's records: of one contig by index, or all of them in the file's order."""
        number, place = 0, (None, None)
        records = self._start(contig)
        while True:
            try:
                record = next(records)
                of_contig = record.CHROM
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                raise self.not_utf8(None, None, number + 1) from error
            except Exception as error:
                # cyvcf2 raises a bare Exception for all that htslib could not read; anything else is a fault of ours.
                if type(error) is not Exception:
                    raise
                raise self._malformed(*place, number, str(error)) from error
            # Where a contig is not declared, cyvcf2 gives a record that htslib gave up amid: its REF is no memory of ours.
            if record.end <= record.start:
                raise self._malformed(*place, number, "a record without POS or REF")
            place = of_contig, record.POS
            number += 1
            yield record

    def alleles_of(self, record: Any, record_number: int | None) -> tuple[str, list[str]]:
        """(REF, ALTs) of a record as written. record_number: for the message."""
        try:
            return record.REF, record.ALT
        except UnicodeDecodeError as error:
            raise self.not_utf8(record.CHROM, record.POS, record_number) from error

    def _malformed(self, contig: str | None, pos1: int | None, record_number: int, why: str) -> VariantFileError:
        """The error for what comes behind the last good record."""
        return VariantFileError(
            f"is truncated or malformed after this record ({why})",
            path=self.path,
            contig=contig,
            pos1=pos1,
            record_number=record_number,
            hint="Make the file again, or check it with: bcftools view FILE > /dev/null",
        )

    def not_utf8(self, contig: str | None, pos1: int | None, record_number: int | None) -> VariantFileError:
        """The error for a record of which something is not text in UTF-8."""
        return VariantFileError(
            "the record holds bytes that are not UTF-8",
            path=self.path,
            contig=contig,
            pos1=pos1,
            record_number=record_number,
            hint="Look at it with: bcftools view -H FILE | cat -v",
        )

    def _start(self, contig: str | None) -> Iterator[Any]:
        if contig is None:
            return iter(self._file)
        if self._is_bcf and contig in self.contigs:
            self._check_numbers(contig)
        try:
            # cyvcf2 warns where the index has nothing on a contig that the header names, and looks as soon as it is asked.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                found = iter(self._file(contig))
                first = next(found, None)
        except (OSError, AssertionError) as error:
            raise VariantFileError(
                f"cannot be read by its index ({error})", path=self.path, hint=f"Index it again: bcftools index -f {self.path}"
            ) from error
        return iter(()) if first is None else _with_first(first, found)

    def _check_numbers(self, contig: str) -> None:
        """Raise VariantFileError where a record of a BCF has a number for a key that its header does not declare: by its index,
        cyvcf2 gives such records, and looks for the key's name in memory that is not the header's.
        """
        whole = Regions({contig: Intervals([(FIRST_POS0, UNBOUNDED)])})
        with VariantReader(self.path, regions=whole, declared_only=True) as reader:
            for batch in reader.batches():
                reader.release(batch)

    def _open(self) -> cyvcf2.VCF:
        hint = "Check the path, and that it is a whole VCF"
        try:
            _check_end(self.path)
            # htslib takes names of contigs from an index as soon as it reads the header.
            refuse_damaged_index_of_variants(self.path, VariantFileError)
            return cyvcf2.VCF(self.path)
        except UnicodeEncodeError as error:
            raise VariantFileError(
                "the file's name is not UTF-8", path=self.path, hint="Rename it, or pipe it in as -"
            ) from error
        except OSError as error:
            why = error.strerror or str(error)
            raise VariantFileError(f"cannot be read as VCF or BCF ({why})", path=self.path, hint=hint) from error
        except Exception as error:
            # As above: a header that htslib cannot parse.
            if type(error) is not Exception:
                raise
            raise VariantFileError(f"cannot be read as VCF or BCF ({error})", path=self.path, hint=hint) from error


def check_contig_names(calls: VariantFile, other: set[str], other_path: str | Path) -> None:
    """Raise ContigNamingError when two files share no contig, but would with "chr" added or cut."""
    mine = calls.contigs
    if not mine or not other or mine & other:
        return
    renamed = {name.removeprefix("chr") for name in mine} & {name.removeprefix("chr") for name in other}
    if renamed:
        example = sorted(renamed)[0]
        theirs = example if example in other else f"chr{example}"
        own = example if example in mine else f"chr{example}"
        raise ContigNamingError(
            f"names contigs like {own!r} and {other_path} like {theirs!r}",
            path=calls.path,
            hint="Rename the contigs of one of them, for a VCF with: bcftools annotate --rename-chrs MAP",
        )


def _with_first(first: Any, others: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from others


def _check_end(path: str) -> None:
    """Raise OSError where a BGZF file lacks its last block: cyvcf2 takes a file cut between two blocks for a whole one."""
    if path == "-" or not os.path.isfile(path):
        if path != "-" and not os.path.exists(path):
            raise FileNotFoundError(2, os.strerror(2))
        return
    with open(path, "rb") as file:
        is_bgzf = file.read(len(_BGZF_START)) == _BGZF_START
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(max(0, size - len(_BGZF_END)))
        if is_bgzf and file.read() != _BGZF_END:
            raise OSError("no BGZF end block: the file is truncated")


def _is_bcf(path: str) -> bool:
    with open(path, "rb") as file:
        is_packed = file.read(2) == _BGZF_START[:2]
    with gzip.open(path, "rb") if is_packed else open(path, "rb") as content:
        return content.read(3) == b"BCF"


def _silence_htslib() -> None:
    """cyvcf2 brings its own htslib, which prints a line for every missing index and odd header type; what matters is raised."""
    set_level = getattr(ctypes.CDLL(cyvcf2.cyvcf2.__file__), "hts_set_log_level", None)
    if set_level is not None:
        set_level(0)
