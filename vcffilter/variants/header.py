"""The header of a VCF/BCF: contigs, samples, declarations, and new lines. One object serves the reader and the writer.

Knows nothing of scores: what is declared is decided by `vcffilter.annotation`.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass

from vcffilter.errors import VariantFileError
from vcffilter.variants.htslib import DICTIONARY_CONTIG, DICTIONARY_ID, KString, library, text_of

_DECLARATION = re.compile(r"^##(INFO|FORMAT)=<(.*)>$")
_FILTER = re.compile(r"^##FILTER=<ID=([^,>]*)[,>]", re.MULTILINE)
_FIELD = re.compile(r'([A-Za-z0-9_.]+)=("(?:[^"\\]|\\.)*"|[^,]*)')
# bcf_hdr_remove: kind of a structured line, ##key=<ID=...>.
_STRUCTURED_LINE = 4


@dataclass(frozen=True)
class Declaration:
    """What a header says of an INFO or FORMAT key. number and type as written ("A", "1", ".", "Float", ...)."""

    number: str
    type: str


class VariantHeader:
    """A header in htslib's memory. `address` goes to the kernels; the object must outlive them."""

    def __init__(self, address: int, path: str) -> None:
        self.address = address
        self._path = path
        self._declared = 0
        # Asked for many times, and with the contigs of a whole genome it takes milliseconds each time.
        self._text: str | None = None
        self._fields_of: dict[tuple[str, str], dict[str, str]] | None = None
        self._filters: frozenset[str] | None = None

    @property
    def declared_address(self) -> int:
        """The header to write: without the contigs that only records have named since `keep_declared`."""
        return self._declared or self.address

    def keep_declared(self) -> None:
        """Keep what is declared now apart: htslib adds a contig that only records name to the header as it reads them."""
        self._changed()
        if not self._declared:
            self._declared = library.bcf_hdr_dup(self.address) or 0

    def text(self) -> str:
        """The header as text, "#CHROM" line included."""
        if self._text is not None:
            return self._text
        string = KString()
        if library.bcf_hdr_format(self.address, 0, ctypes.byref(string)) < 0:
            raise VariantFileError("the header cannot be written as text", path=self._path)
        text = text_of(string)
        if not self._declared:  # once records are read, htslib may add to it at any time
            self._text = text
        return text

    def contig_name_by_index(self) -> dict[int, str]:
        """Contig index as records carry it (bcf1_t.rid) -> name, those included that only records have named so far.

        Indices may have gaps: a header with IDX keeps its numbers when a contig is taken out of it.
        """
        return {self.contig_index(name): name for name in self._contig_names()}

    def contig_index(self, name: str) -> int:
        """Index that records of a contig carry; -1 when there is no contig of that name."""
        return library.bcf_hdr_id2int(self.address, DICTIONARY_CONTIG, name.encode("utf-8", "surrogateescape"))

    def _contig_names(self) -> list[str]:
        """Names without the gaps between their indices: a position in this list is no index."""
        count = ctypes.c_int(0)
        names = library.bcf_hdr_seqnames(self.address, ctypes.byref(count))
        if not names:
            return []
        try:
            pointers = ctypes.cast(names, ctypes.POINTER(ctypes.c_char_p))
            return [(pointers[index] or b"").decode("utf-8", "surrogateescape") for index in range(count.value)]
        finally:
            library.hts_free(names)

    def sample_names(self) -> list[str]:
        """Samples in the order of their columns."""
        return self.text().rstrip("\n").rpartition("\n")[2].split("\t")[9:]

    def declaration(self, kind: str, key: str) -> Declaration | None:
        """How an INFO or FORMAT key is declared, or None. kind: "INFO" or "FORMAT"."""
        fields = self._fields(kind, key)
        return None if fields is None else Declaration(fields.get("Number", "."), fields.get("Type", "String"))

    def info_description(self, key: str) -> str | None:
        """What a header says that an INFO key means; None when it is not declared."""
        fields = self._fields("INFO", key)
        return None if fields is None else fields.get("Description", "")

    def _fields(self, kind: str, key: str) -> dict[str, str] | None:
        """Of the first line that declares the key."""
        if self._fields_of is None or self._text is None:
            self._fields_of = {}
            for line in self.text().splitlines():
                match = _DECLARATION.match(line)
                if match:
                    fields = {name: value.strip('"') for name, value in _FIELD.findall(match[2])}
                    self._fields_of.setdefault((match[1], fields.get("ID", "")), fields)
        return self._fields_of.get((kind, key))

    def _changed(self) -> None:
        self._text = self._fields_of = self._filters = None

    def info_declaration(self, key: str) -> Declaration | None:
        """How an INFO key is declared, or None."""
        return self.declaration("INFO", key)

    def has_filter(self, name: str) -> bool:
        """Whether a FILTER is declared."""
        if self._filters is None or self._text is None:
            self._filters = frozenset(_FILTER.findall(self.text()))
        return name in self._filters

    def append(self, line: str) -> None:
        """Add a "##..." line; a line that is there already is not added twice."""
        self._changed()
        for address in {self.address, self.declared_address}:
            if library.bcf_hdr_append(address, line.encode("utf-8", "surrogateescape")) < 0:
                raise VariantFileError(f"the header does not take the line {line}", path=self._path)

    def remove_structured(self, key: str, identifier: str) -> None:
        """Remove "##key=<ID=identifier,...>" where present."""
        # htslib goes by the ID alone, so it is asked only where the line is ours.
        if re.search(rf"^##{re.escape(key)}=<ID={re.escape(identifier)}[,>]", self.text(), re.MULTILINE):
            self._changed()
            library.bcf_hdr_remove(self.address, _STRUCTURED_LINE, identifier.encode("utf-8", "surrogateescape"))

    def sync(self) -> None:
        """Make appended lines known to the records."""
        self._changed()
        if library.bcf_hdr_sync(self.address) < 0:
            raise VariantFileError("the header cannot be completed", path=self._path)

    def identifier(self, name: str) -> int:
        """Index of a FILTER, INFO or FORMAT name; -1 when undeclared."""
        return library.bcf_hdr_id2int(self.address, DICTIONARY_ID, name.encode("utf-8", "surrogateescape"))

    def keep_samples(self, names: list[str]) -> None:
        """Read only these samples' columns from now on (order as in the file)."""
        self._changed()
        result = library.bcf_hdr_set_samples(
            self.address, ",".join(names).encode("utf-8", "surrogateescape") if names else None, 0
        )
        if result != 0:
            raise VariantFileError(f"the samples {', '.join(names)} cannot be selected", path=self._path)

    def close(self) -> None:
        """Free the memory."""
        for address in {self.address, self.declared_address} - {0}:
            library.bcf_hdr_destroy(address)
        self.address = self._declared = 0
