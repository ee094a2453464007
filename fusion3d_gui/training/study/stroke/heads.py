"""``Heads``: several small fusion heads on fixed image features, which are one network when put together.

With few patients a head's prediction depends on its first weights. The mean logit of several heads depends less on
them, and is what one :class:`~fusion3d_gui.model.network.fusion.LearnedFeatureFusion3D` computes whose layers are
the heads' layers as blocks: :meth:`Heads.network`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.loss import FocalLoss
from fusion3d_gui.model.network.network_config import Fusion, NetworkConfig

#: Units of the hidden layers of each head.
_METADATA_HIDDEN, _CLASSIFIER_HIDDEN = 16, 16
_DROPOUT = 0.3
_RATE = 3e-3
#: Weight of the past in the running mean of the weights.
_AVERAGING = 0.97


@dataclass(frozen=True, eq=False)
class Readout:
    """What the image branch's pooled features [C] say at first: the linear read-outs of its pretext.

    ``mean`` and ``deviation`` [C] standardise the features; ``weight`` [r, C] and ``bias`` [r] give the r
    read-outs from standardised features. The image embedding begins as their positive and negative parts.
    """

    mean: np.ndarray
    deviation: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def standardised(self, pooled: np.ndarray) -> Tensor:
        """Features [n, C] by mean and deviation."""
        return torch.from_numpy(((pooled - self.mean) / self.deviation).astype(np.float32))


@dataclass(frozen=True)
class HeadRecipe:
    """How heads are trained.

    Parameters
    ----------
    weight_decay
        AdamW's (decoupled).
    embed_trained
        Whether the layer from features to image embedding is trained too, or stays at the read-outs.
    steps
        Steps of the whole training set each.
    alpha, gamma, dynamic_alpha
        Of the focal loss.
    """

    weight_decay: float
    embed_trained: bool
    steps: int
    alpha: float | None = None
    gamma: float = 1.0
    dynamic_alpha: bool = False


class Heads(nn.Module):
    """``members`` heads side by side; see the module."""

    embed_start: Tensor
    embed_start_bias: Tensor

    def __init__(
        self, fusion: Fusion, readout: Readout, metadata_width: int, members: int, seed: int
    ) -> None:
        super().__init__()
        self.fusion: Fusion = fusion
        self.readout = readout
        self.members = members
        self.metadata_width = 0 if fusion == "image_only" else metadata_width
        generator = torch.Generator().manual_seed(seed)
        embedding = 2 * len(readout.weight)
        fused = embedding * (2 if fusion == "concat" else 1)

        def drawn(*shape: int) -> nn.Parameter:
            # As nn.Linear draws its weights: uniform within one over the square root of the inputs.
            reach = shape[-2] ** -0.5
            return nn.Parameter((torch.rand(shape, generator=generator) * 2 - 1) * reach)

        signed = np.concatenate([readout.weight, -readout.weight]).T.astype(np.float32)
        self.register_buffer("embed_start", torch.from_numpy(signed.copy()))
        bias = np.concatenate([readout.bias, -readout.bias]).astype(np.float32)
        self.register_buffer("embed_start_bias", torch.from_numpy(bias))
        self.embed = nn.Parameter(torch.zeros(members, *signed.shape))
        self.embed_bias = nn.Parameter(torch.zeros(members, embedding))
        if self.metadata_width:
            self.metadata_in = drawn(members, metadata_width, _METADATA_HIDDEN)
            self.metadata_in_bias = nn.Parameter(torch.zeros(members, _METADATA_HIDDEN))
            self.metadata_out = drawn(members, _METADATA_HIDDEN, embedding)
            self.metadata_out_bias = nn.Parameter(torch.zeros(members, embedding))
        self.classifier_in = drawn(members, fused, _CLASSIFIER_HIDDEN)
        self.classifier_in_bias = nn.Parameter(torch.zeros(members, _CLASSIFIER_HIDDEN))
        self.classifier_out = drawn(members, _CLASSIFIER_HIDDEN, 1)
        self.classifier_out_bias = nn.Parameter(torch.zeros(members, 1))

    def forward(
        self, features: Tensor, metadata: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Logits [members, n] from standardised features [n, C] and metadata [n, W]; ``generator`` of the dropout."""
        start = features @ self.embed_start + self.embed_start_bias
        if self.embed.requires_grad or self.embed.any():
            image = relu(start + features @ self.embed + self.embed_bias[:, None])
        else:
            image = relu(start)[None].expand(self.members, -1, -1)
        fused = image
        if self.metadata_width:
            hidden = relu(metadata @ self.metadata_in + self.metadata_in_bias[:, None])
            other = relu(hidden @ self.metadata_out + self.metadata_out_bias[:, None])
            if self.fusion == "concat":
                fused = torch.cat([image, other], dim=2)
            else:
                fused = image + other if self.fusion == "add" else image * other
        hidden = relu(fused @ self.classifier_in + self.classifier_in_bias[:, None])
        if generator is not None:
            kept = torch.rand(hidden.shape, generator=generator) >= _DROPOUT
            hidden = hidden * kept / (1 - _DROPOUT)
        return (hidden @ self.classifier_out + self.classifier_out_bias[:, None])[..., 0]

    def logits(self, pooled: np.ndarray, metadata: np.ndarray) -> np.ndarray:
        """Mean logit [n] of the heads for pooled features [n, C] and encoded metadata [n, W]."""
        with torch.no_grad():
            found = self(self.readout.standardised(pooled), torch.from_numpy(metadata))
        logits: np.ndarray = found.mean(dim=0).double().numpy()
        return logits

    def network(self, width: float, **config: object) -> LearnedFeatureFusion3D:
        """One network with the heads as blocks of its layers; the convolutions are left as they were drawn."""
        count = self.members
        network = LearnedFeatureFusion3D(
            NetworkConfig(
                fusion=self.fusion,
                metadata_width=self.metadata_width,
                width=width,
                embedding=count * self.embed_start.shape[1],
                metadata_hidden=count * _METADATA_HIDDEN,
                classifier_hidden=count * _CLASSIFIER_HIDDEN,
                dropout=_DROPOUT,
                **config,  # type: ignore[arg-type]
            )
        )
        with torch.no_grad():
            weight = self.embed_start + self.embed
            scaled = weight / torch.from_numpy(self.readout.deviation.astype(np.float32))[:, None]
            bias = self.embed_start_bias + self.embed_bias
            bias = bias - torch.from_numpy(self.readout.mean.astype(np.float32)) @ scaled
            _assign(network.image_branch.embed[0], torch.cat([*scaled.mT]), bias.flatten())
            if self.metadata_width:
                first, last = network.metadata_branch[0], network.metadata_branch[2]
                _assign(first, torch.cat([*self.metadata_in.mT]), self.metadata_in_bias.flatten())
                blocks = torch.block_diag(*self.metadata_out.mT)
                _assign(last, blocks, self.metadata_out_bias.flatten())
            first, last = network.classifier[0], network.classifier[3]
            # Of concat the image embeddings of all heads come first, then their metadata embeddings.
            size = self.embed_start.shape[1]
            parts = [torch.block_diag(*part.mT) for part in self.classifier_in.split(size, dim=1)]
            _assign(first, torch.cat(parts, dim=1), self.classifier_in_bias.flatten())
            _assign(
                last,
                self.classifier_out.flatten()[None] / count,
                self.classifier_out_bias.mean(dim=0),
            )
        return network.eval()


def fit_heads(
    fusion: Fusion,
    readout: Readout,
    pooled: np.ndarray,
    metadata: np.ndarray,
    labels: np.ndarray,
    recipe: HeadRecipe,
    *,
    members: int,
    seed: int,
    kept_steps: tuple[int, ...] = (),
) -> list[Heads]:
    """Train heads on pooled features [n, C], encoded metadata [n, W] and labels [n].

    Returns the heads with their averaged weights after each of ``kept_steps`` (ascending; by default after
    the last step).
    """
    wanted = kept_steps or (recipe.steps,)
    heads = Heads(fusion, readout, metadata.shape[1], members, seed)
    for parameter in (heads.embed, heads.embed_bias):
        parameter.requires_grad_(recipe.embed_trained)
    averaged = Heads(fusion, readout, metadata.shape[1], members, seed)
    trained = [p for p in heads.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.ndim == 3]
    optimiser = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": [p for p in trained if p.ndim != 3], "weight_decay": 0.0},
        ],
        lr=_RATE,
    )
    loss = FocalLoss(recipe.alpha, recipe.gamma, dynamic_alpha=recipe.dynamic_alpha)
    features = readout.standardised(pooled)
    given = torch.from_numpy(metadata)
    targets = torch.from_numpy(labels.astype(np.float32)).expand(members, -1)
    generator = torch.Generator().manual_seed(seed + 1)
    found: list[Heads] = []
    for step in range(1, wanted[-1] + 1):
        logits = heads(features, given, generator)
        optimiser.zero_grad()
        loss(logits, targets).backward()
        optimiser.step()
        with torch.no_grad():
            past = min(_AVERAGING, (step - 1) / step)
            for mean, now in zip(averaged.parameters(), heads.parameters(), strict=True):
                mean.lerp_(now, 1 - past)
        if step in wanted:
            kept = Heads(fusion, readout, metadata.shape[1], members, seed)
            kept.load_state_dict(averaged.state_dict())
            found.append(kept.requires_grad_(False))
    return found


def _assign(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    assert isinstance(layer, nn.Linear) and layer.weight.shape == weight.shape
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
