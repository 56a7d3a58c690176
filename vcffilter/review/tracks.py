"""The reads that can be looked at for a call: all together, or one sample's; taken when they are asked for.

Knows no VCF and no verdicts. One picture is drawn at a time: the encoder keeps its arrays from one to the next.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vcffilter.pictures.drawing import to_svg
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.layout import draw_pileup
from vcffilter.pictures.painter import PileupSource
from vcffilter.pictures.pileup import Pileup
from vcffilter.reads.alignment_file import read_header, refuse_duplicates

#: Files of so many tracks are open at once.
_MOST_OPEN = 8
ALL_READS = "all reads"


@dataclass(frozen=True)
class Track:
    """name: as shown. samples: of the @RG lines, empty = every read of the files."""

    name: str
    paths: tuple[str, ...]
    samples: tuple[str, ...] = ()


def tracks_of(paths: Sequence[str], reference_path: str) -> list[Track]:
    """All reads together first, then each sample's; files without samples by their names. One sample: all reads alone.

    Raises ReadsFileError, UsageError.
    """
    refuse_duplicates(paths)
    files_of_sample: dict[str, list[str]] = {}
    unnamed: list[str] = []
    for path in paths:
        samples = sorted(name for name in read_header(path, reference_path).groups_of_sample if name)
        for sample in samples:
            files_of_sample.setdefault(sample, []).append(path)
        if not samples:
            unnamed.append(path)
    tracks = [Track(sample, tuple(files), (sample,)) for sample, files in files_of_sample.items()]
    tracks += [Track(Path(path).name, (path,)) for path in unnamed]
    everything = Track(ALL_READS, tuple(paths))
    return [everything] if len(tracks) < 2 else [everything, *tracks]


class TrackReader:
    """Draws calls from tracks, with few files open. For any thread."""

    def __init__(self, tracks: Sequence[Track], reference_path: str) -> None:
        self.tracks = tuple(tracks)
        self._reference_path = reference_path
        self._lock = threading.Lock()
        self._open: OrderedDict[str, PileupSource] = OrderedDict()

    def close(self) -> None:
        """Close every file."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def track_of(self, call: CallFacts, samples: Sequence[str]) -> Track:
        """The reads that the call was made of: its carrier's, or those of the VCF's only sample, where they are told apart."""
        name = call.sample or (samples[0] if len(samples) == 1 else "")
        return next((track for track in self.tracks if track.name == name), self.tracks[0])

    def named(self, name: str) -> Track | None:
        """A track by its name."""
        return next((track for track in self.tracks if track.name == name), None)

    def picture(self, track: Track, facts: CallFacts, *, n_columns: int, most_rows: int, shift: int = 0) -> str:
        """The reads over a call, or over the window moved by `shift` bases from it, as SVG. Raises VcffilterError."""
        return self._draw(
            track, facts,
            lambda source: source.pileup(
                facts.contig, facts.pos1, facts.ref, facts.alt, n_columns=n_columns, most_rows=most_rows, shift=shift
            ),
        )  # fmt: skip

    def _draw(self, track: Track, facts: CallFacts, make: Callable[[PileupSource], Pileup]) -> str:
        with self._lock:
            source = self._open.get(track.name)
            if source is None:
                source = PileupSource(track.paths, self._reference_path, track.samples)
                self._open[track.name] = source
                while len(self._open) > _MOST_OPEN:
                    self._open.popitem(last=False)[1].close()
            self._open.move_to_end(track.name)
            return to_svg(draw_pileup(make(source), facts))
