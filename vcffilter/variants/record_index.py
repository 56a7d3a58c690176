"""The index of a VCF or BCF: for each region a source of the records that overlap it."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from vcffilter.errors import RegionError, UsageError, VariantFileError
from vcffilter.reads.contig_names import other_spelling
from vcffilter.variants import htslib
from vcffilter.variants import record_kernels as kernels
from vcffilter.variants.header import VariantHeader
from vcffilter.variants.htslib import KString, library
from vcffilter.variants.intervals import Intervals, Regions
from vcffilter.variants.record_kernels import RecordSource

# hts_idx_load3: the index formats of BCF and of text; and silent about an index that is not there.
_INDEX_CSI, _INDEX_TBI, _INDEX_SILENT = 0, 2, 2


def open_index(path: str, name: str, file: int, header: VariantHeader, regions: Regions) -> RecordIndex:
    """The index of a file that is open at `file`; `name` is what messages call it.

    Raises RegionError, UsageError, VariantFileError.
    """
    if path == "-" or stat.S_ISFIFO(os.stat(path).st_mode):
        raise UsageError("regions by index (-r, -R) need a file, not a pipe", hint="Use -t or -T, which stream")
    known = list(header.contig_name_by_index().values())
    if known and regions.by_contig and not set(known).intersection(regions.by_contig):
        wanted = ", ".join(list(regions.by_contig)[:3])
        others = {name: other for name in regions.by_contig if (other := other_spelling(name, known)) is not None}
        spelled = "".join(f"; here it is {other}, not {name}" for name, other in list(others.items())[:1])
        raise RegionError(
            f"no region is on a contig of this file: asked for {wanted}, the file has "
            f"{', '.join(known[:3])}{f' and {len(known) - 3} more' if len(known) > 3 else ''}{spelled}",
            path=name,
            hint="Name contigs as the calls do: bcftools view -h FILE",
        )
    kind, compression = htslib.file_format(file)
    if compression != htslib.COMPRESSED_BGZF:
        raise VariantFileError(
            "regions by index (-r, -R) need a file compressed by bgzip",
            path=name,
            hint=f"Use -t or -T, or: bcftools view -Oz -o {_name_of_bgzip(path)} {path}, then bcftools index",
        )
    index_type = _BcfIndex if kind == htslib.FORMAT_BCF else _TextIndex
    return index_type(path, file, header, regions)


class RecordIndex:
    """An index opened beside its file; `query` gives a source per region."""

    def __init__(self, file: int, header: VariantHeader, regions: Regions) -> None:
        self._file = file
        self._header = header
        self._regions = regions

    def contigs(self) -> list[tuple[int, Intervals]]:
        """(contig index, intervals) of the regions' contigs that the index has, in the order of the file."""
        named = ((self._contig_index(name), intervals) for name, intervals in self._regions.by_contig.items())
        return sorted((item for item in named if item[0] >= 0), key=lambda item: item[0])

    @contextmanager
    def query(self, contig_index: int, start0: int, end0: int) -> Iterator[RecordSource]:
        """A source of the records that overlap a region."""
        iterator = library.hts_itr_query(self._address(), contig_index, start0, end0, self._read_function())
        if not iterator:
            raise VariantFileError("the index cannot be searched", hint="Index the file again: bcftools index -f FILE")
        try:
            yield self._source(iterator)
        finally:
            library.hts_itr_destroy(iterator)

    def close(self) -> None:
        """Free the index."""
        raise NotImplementedError

    def _contig_index(self, name: str) -> int:
        raise NotImplementedError

    def _address(self) -> int:
        raise NotImplementedError

    def _read_function(self) -> int:
        raise NotImplementedError

    def _source(self, iterator: int) -> RecordSource:
        raise NotImplementedError


class _BcfIndex(RecordIndex):
    def __init__(self, path: str, file: int, header: VariantHeader, regions: Regions) -> None:
        super().__init__(file, header, regions)
        self._index = library.hts_idx_load3(os.fsencode(path), None, _INDEX_CSI, _INDEX_SILENT)
        if not self._index:
            raise _no_index(path)

    def close(self) -> None:
        if self._index:
            library.hts_idx_destroy(self._index)
            self._index = 0

    def _contig_index(self, name: str) -> int:
        return self._header.contig_index(name)

    def _address(self) -> int:
        return self._index

    def _read_function(self) -> int:
        return htslib.function_address(library, "bcf_readrec")

    def _source(self, iterator: int) -> RecordSource:
        return RecordSource(
            kernels.SOURCE_BCF_INDEX,
            self._file,
            self._header.address,
            bgzf=library.hts_get_bgzfp(self._file),
            iterator=iterator,
        )


class _TextIndex(RecordIndex):
    def __init__(self, path: str, file: int, header: VariantHeader, regions: Regions) -> None:
        super().__init__(file, header, regions)
        self._line = KString()
        # Loaded twice, so that nobody need know where within a tbx_t its index is.
        self._index = library.hts_idx_load3(os.fsencode(path), None, _INDEX_TBI, _INDEX_SILENT)
        self._tabix = library.tbx_index_load3(os.fsencode(path), None, _INDEX_SILENT)
        if not self._index or not self._tabix:
            self.close()
            raise _no_index(path)

    def close(self) -> None:
        if self._index:
            library.hts_idx_destroy(self._index)
        if self._tabix:
            library.tbx_destroy(self._tabix)
        self._index = self._tabix = 0
        htslib.text_of(self._line)

    def _contig_index(self, name: str) -> int:
        return library.tbx_name2id(self._tabix, name.encode("utf-8", "surrogateescape"))

    def _address(self) -> int:
        return self._index

    def _read_function(self) -> int:
        return htslib.function_address(library, "tbx_readrec")

    def _source(self, iterator: int) -> RecordSource:
        return RecordSource(
            kernels.SOURCE_TEXT_INDEX,
            self._file,
            self._header.address,
            bgzf=library.hts_get_bgzfp(self._file),
            iterator=iterator,
            tabix=self._tabix,
            line=ctypes.addressof(self._line),
        )


def _name_of_bgzip(path: str) -> str:
    """A name for the same calls compressed by bgzip, which is not their own."""
    folder, name = os.path.split(path)
    bare = name.removesuffix(".gz").removesuffix(".vcf") or name
    return os.path.join(folder, f"{bare}.bgzip.vcf.gz" if name.endswith(".gz") else f"{bare}.vcf.gz")


def _no_index(path: str) -> VariantFileError:
    return VariantFileError("there is no index", path=path, hint=f"Index it with: bcftools index -f {path}")
