"""How much each cell of a pileup matters to a model, in the grid of its picture. Knows arrays; no model and no colours.

A tensor has rows and columns of its own: which read a row shows, and where its columns lie, is found here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcffilter.encoding.encoder import PreparedChunk, site_reads
from vcffilter.kernels.site_view import reads_of_rows
from vcffilter.kernels.tensor import empty_tensor_scratch
from vcffilter.pictures.pileup import NOTHING, Pileup


@dataclass(frozen=True)
class Heat:
    """Values over a pileup's grid, positive for the ALT, negative against it.

    of_cell: float64 (n_rows, n_columns), 0 where the model has no cell. of_row: float64 (n_rows,), sums over all of a read's
    cells, those outside the picture included; NaN for reads that the model does not see. of_reference: float64 (n_columns,), of
    the row of the reference. of_column: float64 (n_columns,), sums over the rows that the model sees, drawn or not.
    """

    of_cell: np.ndarray
    of_row: np.ndarray
    of_reference: np.ndarray
    of_column: np.ndarray


def read_of_each_row(prepared: PreparedChunk, n_rows: int) -> np.ndarray:
    """int32 (n_rows,): index of the read that each row of the first allele's tensor shows, -1 for none and for the reference."""
    site = site_reads(prepared, 0)
    read_of_row = np.empty(n_rows, np.int32)
    reads_of_rows(0, prepared.alleles, prepared.reads, site, empty_tensor_scratch(prepared.n_reads), read_of_row)
    return read_of_row


def first_column0(prepared: PreparedChunk, n_columns: int) -> int:
    """Reference position of the first column of the first allele's tensor."""
    return int(prepared.alleles.start0[0]) - n_columns // 2


def sum_of_each_read(values: np.ndarray, read_of_row: np.ndarray, n_reads: int) -> np.ndarray:
    """float64 (n_reads,): sums over the rows of a tensor, NaN for reads without a row. values: float64 (rows, columns)."""
    sums = np.full(n_reads, np.nan)
    shown = read_of_row >= 0
    sums[read_of_row[shown]] = values.sum(axis=1)[shown]
    return sums


def heat_of(pileup: Pileup, values: np.ndarray, read_of_row: np.ndarray, first0: int) -> Heat:
    """The heat of a tensor's cells. values: float64 (rows, columns). read_of_row: as `read_of_each_row`. first0: of column 0."""
    column = pileup.pos0 - first0
    is_there = ~pileup.is_inserted & (column >= 0) & (column < values.shape[1])
    spread = np.zeros((len(values) + 1, len(column)))
    spread[:-1, is_there] = values[:, column[is_there]]
    row_of_read = {int(read): row for row, read in enumerate(read_of_row) if read >= 0}
    row = np.array([row_of_read.get(int(read), len(values)) for read in pileup.rows.read], np.int64)
    sums = np.append(values.sum(axis=1), np.nan)
    return Heat(spread[row], sums[row], spread[0], spread.sum(axis=0))


def heat_of_reads(pileup: Pileup, of_read: np.ndarray) -> Heat:
    """Whole reads in one colour each. of_read: float64 (n_reads,), NaN where a read has no value."""
    of_row = of_read[pileup.rows.read]
    of_cell = np.where(pileup.rows.base != NOTHING, np.nan_to_num(of_row)[:, None], 0.0)
    nothing = np.zeros(len(pileup.pos0))
    return Heat(of_cell, of_row, nothing, nothing)
