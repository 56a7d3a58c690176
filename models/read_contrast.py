"""Architecture `read_contrast`: each read a token of its facts and its bases, ALT reads held against the others of the site.

    token  = facts + convolution over the columns                  every read alone
    token' = token, told the mean of the ALT reads and of the others
    pooled = mean and maximum of the tokens' of the ALT reads, and of the others

What a library sets the level of (qualities, distances from the end, insert sizes, ...) is taken as the difference from the mean
of the site's reads: a network that is to say what is odd about some reads must not learn the sequencer. How many reads there are
is not told: the mean of three equals the mean of thirty. The order of the reads does not matter. The output is held within
`-limit` and `limit`: made for the second stage of a `cascade`, which is to correct and not to overrule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import nn

from vcffilter.models.encoder_spec import COLUMN_CHANNELS, SUPPORT_CHANNEL, EncoderSpec
from vcffilter.models.members import MemberHead, average_members
from vcffilter.models.network import Network
from vcffilter.models.plain_data import Range
from vcffilter.models.quantiles import QuantileEmbedding
from vcffilter.models.read_rows import ChannelScale, as_slice, channel_index, row_masks
from vcffilter.models.settings import Average, Count, CountOrNone, Dropped, Widths

#: The base itself is not convolved, only whether it differs: four letters on one scale mean nothing.
_BASE = "base"
#: The least byte of a base.
_LEAST_BASE = 30
#: Channels whose level the library sets.
_CENTRED = (
    *("base_quality", "mapping_quality", "event_quality", "end_distance", "clipped_bases"),
    *("good_mismatches", "poor_mismatches", "other_indels", "insert_size"),
)


@dataclass(frozen=True)
class ReadContrastConfig:
    """width: of a token. filters, kernel: of the two convolutions over the columns. alt_minimum: value of the support channel
    from which a read counts as ALT-supporting. site_features: whether they join the head; without them it sees the reads alone,
    and cannot lean on what a first stage knows already. limit: of the output. n_bins, embedding, hidden, n_members, average,
    dropout: as in SiteMlpConfig.
    """

    width: Count = 16
    filters: Count = 12
    kernel: Annotated[int, Range(1, 99)] = 5
    alt_minimum: Annotated[int, Range(1, 255)] = 200
    site_features: bool = False
    limit: Annotated[float, Range(0.01, 100)] = 3.0
    n_bins: Count = 8
    embedding: CountOrNone = 2
    hidden: Widths = (32,)
    n_members: Count = 4
    average: Average = "logit"
    dropout: Dropped = 0.3


class ReadContrast(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels)) -> logits float32 (n,)."""

    minimum_columns = 3
    stem_prefixes = (
        *("embedding.", "column_layers.", "column_code."),
        *("fact_layer.", "token_layer.", "others_layer.", "pool_norm."),
    )

    centred_columns: torch.Tensor
    centred_facts: torch.Tensor

    def __init__(self, config: ReadContrastConfig, spec: EncoderSpec) -> None:
        super().__init__()
        self.config = config
        width, filters = config.width, config.filters
        self.support = channel_index(spec, SUPPORT_CHANNEL)
        #: The channel that says whether a read has a base in a column; without it every column counts.
        self._covered = spec.channels.index(_BASE if _BASE in spec.channels else SUPPORT_CHANNEL)
        columns = [i for i, name in enumerate(spec.channels) if name in COLUMN_CHANNELS and name != _BASE]
        facts = [i for i, name in enumerate(spec.channels) if name not in COLUMN_CHANNELS]
        self._columns, self._facts = as_slice(columns), as_slice(facts)
        #: Of those, which are taken as differences from the site's mean: 1, else 0.
        for kind, chosen in (("columns", columns), ("facts", facts)):
            centred = torch.tensor([float(spec.channels[i] in _CENTRED) for i in chosen])
            self.register_buffer(f"centred_{kind}", centred, persistent=False)
        self.scale = ChannelScale(spec.n_channels)
        self.embedding = QuantileEmbedding(spec.n_features, config.n_bins, config.embedding) if config.site_features else None
        self.column_layers = nn.ModuleList(
            (
                nn.Conv2d(len(columns) + 1, filters, (1, config.kernel), padding="same"),
                nn.Conv2d(filters, filters, (1, config.kernel), padding="same"),
            )
        )
        #: Gives the last map the reference row, which has no say, so that Grad-CAM finds every row in its place.
        self.map = nn.ZeroPad2d((0, 0, 1, 0))
        self.column_code = nn.Linear(3 * filters, width)
        self.fact_layer = nn.Linear(len(facts), width)
        self.token_layer = nn.Linear(width, width)
        self.others_layer = nn.Linear(2 * width, width)
        self.pool_norm = nn.LayerNorm(4 * width)
        self.dropout = nn.Dropout(config.dropout)
        n_seen = 4 * width + (0 if self.embedding is None else self.embedding.out_features)
        self.head = MemberHead(n_seen, config.hidden, config.n_members, config.dropout)

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and channel scales from the training data."""
        if self.embedding is not None:
            self.embedding.fit(features)
        if reads is not None:
            self.scale.fit(reads)

    def pooled_reads(self, reads: torch.Tensor) -> torch.Tensor:
        """(n, 4 * width): mean and maximum of the tokens, ALT-supporting and others apart; 0 where there is none."""
        present, alt = row_masks(reads, self.support, self.config.alt_minimum)
        if self.training:
            # Most rows of most alleles are empty. Who scores keeps them: one shape, one order of summation.
            rows, site = reads[:, 1:][present][None], present.nonzero()[:, 0]
            coded = self._tokens(rows, site, len(reads))[0]
            tokens = coded.new_zeros(*present.shape, coded.shape[1]).index_put((present,), coded)
        else:
            tokens = self._tokens(reads[:, 1:], None, len(reads))
        sides = torch.stack((alt, present & ~alt), 1).to(tokens.dtype)  # (n, 2, rows - 1)
        n_of_side = sides.sum(2, keepdim=True).clamp_min(1.0)
        others = torch.bmm(sides, tokens) / n_of_side
        tokens = torch.relu(tokens + self.others_layer(others.flatten(1)).unsqueeze(1))
        mean = torch.bmm(sides, tokens) / n_of_side
        maximum = torch.stack([(tokens * sides[:, side, :, None]).amax(1) for side in (0, 1)], 1)
        return torch.cat((mean, maximum), 2).flatten(1)

    def _tokens(self, rows: torch.Tensor, site: torch.Tensor | None, n_sites: int) -> torch.Tensor:
        """(n, n_rows, width) of rows, uint8 (n, n_rows, columns, channels).

        site: int64 (n_rows,), which allele a row is of, where the rows of all alleles are one list (n is 1).
        """
        # 0 or 1, and no step between them: explanations walk from nothing to the read.
        covered = (rows[..., self._covered].to(self.scale.mean.dtype) / _LEAST_BASE).clamp(max=1.0)
        there = (covered * (rows[:, :, :1, self.support] > 0))[..., None]  # (n, n_rows, columns, 1)
        n_bases = there.sum(2)
        columns, facts = self._scaled(rows, self._columns) * there, self._scaled(rows[:, :, 0], self._facts)
        of_site = _site_means(torch.cat((columns.sum(2), facts * n_bases), 2), n_bases, site, n_sites)
        means_of_columns, means_of_facts = of_site.split((columns.shape[3], facts.shape[2]), 2)
        columns = columns - (means_of_columns * self.centred_columns)[:, :, None] * there
        coded = torch.cat((columns, there), 3).permute(0, 3, 1, 2)  # (n, channels, n_rows, columns)
        for layer in self.column_layers:
            coded = torch.relu(layer(coded))
        if site is None:
            coded = self.map(coded)[:, :, 1:]
        middle = coded.shape[3] // 2
        coded = torch.cat((coded.mean(3), coded.amax(3), coded[:, :, :, middle]), 1).transpose(1, 2)
        facts = self.fact_layer(facts - means_of_facts * self.centred_facts)
        return torch.relu(self.token_layer(torch.relu(facts + self.column_code(coded))))

    def _scaled(self, rows: torch.Tensor, chosen: slice | list[int]) -> torch.Tensor:
        """Some channels, standardised."""
        mean, inverse_deviation = self.scale.mean[chosen], self.scale.inverse_deviation[chosen]
        return (rows[..., chosen].to(mean.dtype) - mean) * inverse_deviation

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): trained each on its own loss."""
        assert reads is not None
        seen = self.dropout(self.pool_norm(self.pooled_reads(reads)))
        if self.embedding is not None:
            seen = torch.cat((self.embedding(features), seen), 1)
        return self.config.limit * torch.tanh(self.head(seen) / self.config.limit)

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Average of the members."""
        return average_members(self.member_logits(features, reads), self.config.average)


def _site_means(sums: torch.Tensor, counts: torch.Tensor, site: torch.Tensor | None, n_sites: int) -> torch.Tensor:
    """Means over all cells of a site, for each of its rows: (n, 1, values), or (1, n_rows, values) where `site` is given.

    sums: (n, n_rows, values) over the cells of a row. counts: (n, n_rows, 1), its cells. site: as in `ReadContrast._tokens`.
    """
    both = torch.cat((sums, counts), 2)
    of_site = both.sum(1) if site is None else both.new_zeros(n_sites, both.shape[2]).index_add(0, site, both[0])
    means = of_site[:, :-1] / of_site[:, -1:].clamp_min(1.0)
    return means[:, None] if site is None else means[site][None]
