"""What a checkpoint asks of the encoder. Plain data: the encoder is built from it, and refuses what it does not know."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from vcffilter.models.plain_data import MisfitError, Range, parse_dataclass

#: The channel that says for which allele a read is.
SUPPORT_CHANNEL = "support"
#: Channels that differ from column to column; the others repeat one value of the read in every column. What makes the arrays
#: (`vcffilter.encoding`) checks that it means the same.
COLUMN_CHANNELS = ("base", "differs", "base_quality", "insertion", "deletion", "soft_clip")
#: Channel and features of read-backed phase: they need to be told how far from an allele heterozygous columns are looked for.
PHASE_CHANNEL, PHASE_PREFIX = "phase", "phase_"
#: The last site feature of a cascade's second stage: what the first one says. No encoder makes it.
FIRST_LOGIT = "first_logit"
#: Bytes of the tensor of one allele: a tile of them must fit into memory.
_LARGEST_TENSOR = 1 << 22


@dataclass(frozen=True)
class EncoderSpec:
    """The arrays a network takes.

    version: of the meaning of features and channels (`vcffilter.kernels` says which versions it can make).
    features: names of the site features, in order: float32 (n_alleles, len(features)).
    channels: names of the tensor's channels, in order; empty when the network takes no reads.
    rows: rows of the tensor: row 0 is the reference row, the others are reads; 0 when the network takes no reads.
    columns: reference columns around the event, odd; 1 gives one column of per-read facts.
    phase_reach: bases on either side of an allele in which heterozygous columns are looked for; 0 = none is.
    The tensor is uint8 (n_alleles, rows, columns, len(channels)).
    """

    version: Annotated[int, Range(0, 2**31 - 1)]
    features: Annotated[tuple[str, ...], Range(1, 10_000)]
    channels: Annotated[tuple[str, ...], Range(0, 1000)] = ()
    rows: Annotated[int, Range(0, 10_000)] = 0
    columns: Annotated[int, Range(0, 10_000)] = 0
    phase_reach: Annotated[int, Range(0, 10_000)] = 0

    @property
    def n_features(self) -> int:
        """Number of site features."""
        return len(self.features)

    @property
    def n_channels(self) -> int:
        """Number of tensor channels."""
        return len(self.channels)

    @property
    def uses_phase(self) -> bool:
        """Whether a feature or the channel of phase is asked for."""
        return PHASE_CHANNEL in self.channels or any(name.startswith(PHASE_PREFIX) for name in self.features)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary for the checkpoint's metadata; a reach of 0 is left out, as older programs do not know it."""
        data = asdict(self)
        return data if self.phase_reach else {name: value for name, value in data.items() if name != "phase_reach"}

    @classmethod
    def from_json(cls, data: Any) -> EncoderSpec:
        """The spec from a checkpoint's metadata; raises MisfitError where they are not that."""
        spec: EncoderSpec = parse_dataclass(cls, data, "encoder")
        for name, names in (("features", spec.features), ("channels", spec.channels)):
            if len(set(names)) < len(names):
                raise MisfitError(f"encoder.{name} holds a name twice")
        if spec.uses_phase and not spec.phase_reach:
            raise MisfitError("encoder asks for phase, but encoder.phase_reach is 0")
        n_bytes = spec.rows * spec.columns * spec.n_channels
        if spec.rows and not 0 < n_bytes <= _LARGEST_TENSOR:
            raise MisfitError(f"encoder asks for a tensor of {n_bytes} bytes for each allele, not 1 to {_LARGEST_TENSOR}")
        return spec
