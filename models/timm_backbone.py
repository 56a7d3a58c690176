"""Architecture `timm:<name>`: any timm backbone over the read rows, its first convolution adapted to the
tensor's channels.

Pretrained weights come from a local safetensors file only, never from the network; without one the backbone
starts random, and the log says so. timm is an optional extra.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Annotated, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from vcffilter.errors import MissingExtraError, ModelError, install_hint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.members import MemberHead, average_members
from vcffilter.models.network import Network
from vcffilter.models.plain_data import Range
from vcffilter.models.quantiles import QuantileEmbedding
from vcffilter.models.read_rows import ChannelScale, as_image
from vcffilter.models.settings import Average, Count, CountOrNone, Dropped, Widths

logger = logging.getLogger(__name__)

#: Backbones by the start of their name that cannot take a smaller image (rows and columns): their stem uses no padding.
SMALLEST_IMAGE = {"inception_": 75}


@dataclass(frozen=True)
class TimmConfig:
    """pretrained: local safetensors file of the backbone's ImageNet weights, read only when training starts;
    empty = random.

    minimum_size: rows and columns are enlarged (each cell repeated) to at least this many, since backbones halve them five
    times; a backbone that needs more (inception_v3: 75) gets what it needs. n_bins, embedding: site features. hidden, n_members,
    average, dropout: the head, as in SiteMlpConfig.
    """

    pretrained: str = ""
    minimum_size: Annotated[int, Range(1, 2048)] = 96
    n_bins: Count = 12
    embedding: CountOrNone = 4
    hidden: Widths = (64,)
    n_members: Count = 1
    average: Average = "logit"
    dropout: Dropped = 0.1


class TimmBackbone(Network):
    """(features float32 (n, F), reads uint8 (n, rows, columns, channels)) -> logits float32 (n,)."""

    minimum_columns = 3
    stem_prefixes = ("embedding.", "backbone.")

    def __init__(self, backbone: str, config: TimmConfig, spec: EncoderSpec) -> None:
        super().__init__()
        try:
            import timm
        except ImportError as error:
            raise MissingExtraError("timm backbones need timm", hint=install_hint("timm", "train")) from error
        if not timm.is_model(backbone):
            raise ModelError(f"timm has no backbone named {backbone!r}", hint="See timm.list_models()")
        self.config = config
        self.embedding = QuantileEmbedding(spec.n_features, config.n_bins, config.embedding)
        self.scale = ChannelScale(spec.n_channels)
        self.backbone = timm.create_model(backbone, pretrained=False, num_classes=0, in_chans=3)
        n_out = int(cast(int, self.backbone.num_features))
        adapt_first_convolution(self.backbone, spec.n_channels + 1)
        smallest = max(config.minimum_size, *(size for start, size in SMALLEST_IMAGE.items() if backbone.startswith(start)), 1)
        self.repeats = (-(-smallest // spec.rows), -(-smallest // spec.columns))
        self.head = MemberHead(self.embedding.out_features + n_out, config.hidden, config.n_members, config.dropout)

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and channel scales from the training data, and the backbone from its pretrained file when
        there is one.
        """
        self.embedding.fit(features)
        if reads is not None:
            self.scale.fit(reads)
        if self.config.pretrained:
            load_pretrained(self.backbone, self.config.pretrained)
        else:
            logger.warning(
                "no pretrained weights: the timm backbone starts random (model: {pretrained: FILE.safetensors} gives some)"
            )

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): trained each on its own loss."""
        assert reads is not None
        image = as_image(reads, self.scale)
        image = image.repeat_interleave(self.repeats[0], 2).repeat_interleave(self.repeats[1], 3)
        return self.head(torch.cat((self.embedding(features), self.backbone(image)), 1))

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Average of the members."""
        return average_members(self.member_logits(features, reads), self.config.average)


def first_convolution(backbone: nn.Module) -> tuple[str, nn.Conv2d]:
    """Name and module of the convolution that takes the image; raises ModelError when there is none."""
    for name, module in backbone.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            return name, module
    raise ModelError("the timm backbone has no first convolution over 3 channels", hint="Take another backbone")


def widen_weight(weight: torch.Tensor, n_channels: int) -> torch.Tensor:
    """(out, 3, height, width) -> (out, n_channels, height, width).

    Every channel gets the mean of the three input weights, scaled by 3 / n_channels, so that an input that is
    equal in all channels gives activations of the same size as before.
    """
    mean = weight.mean(1, keepdim=True)
    return mean.repeat(1, n_channels, 1, 1) * (weight.shape[1] / n_channels)


def adapt_first_convolution(backbone: nn.Module, n_channels: int) -> None:
    """Replace the convolution that takes 3 channels by one that takes `n_channels`, weights widened."""
    name, old = first_convolution(backbone)
    # Subclasses (padding "same") keep their own arithmetic: change the module in place rather than build a
    # new one.
    old.weight = nn.Parameter(widen_weight(old.weight.detach(), n_channels))
    old.in_channels = n_channels
    logger.debug("first convolution %s now takes %d channels", name, n_channels)


def load_pretrained(backbone: nn.Module, path: str) -> None:
    """Load a backbone's own safetensors file, widening its first convolution; classifier tensors are left
    out.

    Raises ModelError when the file cannot be read or does not fit.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"the pretrained weights cannot be read ({error})", path=path) from error
    expected = backbone.state_dict()
    fitting = {}
    for name, tensor in tensors.items():
        if name not in expected:
            continue  # the classifier
        wanted = expected[name].shape
        if tensor.ndim == 4 and tensor.shape[1] == 3 and wanted[1] != 3 and tensor.shape[2:] == wanted[2:]:
            tensor = widen_weight(tensor, wanted[1])
        if tensor.shape != wanted:
            raise ModelError(f"tensor {name} is {tuple(tensor.shape)}, not {tuple(wanted)}", path=path)
        fitting[name] = tensor
    missing = [name for name in expected if name not in fitting and not name.endswith("num_batches_tracked")]
    if missing:
        raise ModelError(
            f"the pretrained file lacks {missing[0]} and {len(missing) - 1} more",
            path=path,
            hint="Is it this backbone's?",
        )
    backbone.load_state_dict(fitting, strict=False)
    logger.info("backbone starts from %s", path)
