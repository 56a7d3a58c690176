"""Sums of a network's columns as a bedGraph track, for genome browsers. Text only; knows no files."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class ColumnValues:
    """Values of reference positions, gathered call by call. Where windows overlap, the call that begins nearest has its say."""

    _of_contig: dict[str, dict[int, tuple[int, float]]] = field(default_factory=dict)

    def add(self, contig: str, first0: int, values: np.ndarray) -> None:
        """The columns of one call. first0: position of the first. values: float64 (n_columns,); the event is in the middle."""
        here = self._of_contig.setdefault(contig, {})
        for column, value in enumerate(values):
            distance = abs(column - len(values) // 2)
            pos0 = first0 + column
            if pos0 >= 0 and (pos0 not in here or distance < here[pos0][0]):
                here[pos0] = (distance, float(value))

    def text(self, name: str, description: str) -> str:
        """A track of one line a position, contigs in the order of the calls. name, description: without quotes."""
        lines = [
            f'track type=bedGraph name="{name}" description="{description}" visibility=full '
            "color=0,114,178 altColor=213,94,0 graphType=bar"
        ]
        for contig, here in self._of_contig.items():
            lines += [f"{contig}\t{pos0}\t{pos0 + 1}\t{value:.6g}" for pos0, (_, value) in sorted(here.items())]
        return "\n".join(lines) + "\n"
