"""``CaseModel``: the model with one case's image features cached, as a fast function of the metadata.

Everything after the convolutions takes well under a millisecond, so that analyses which vary only the
metadata (another value in the form, a curve over a field's range, Shapley values, dropout) run live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from fusion3d_gui.inference.map_correction import MapCorrection
from fusion3d_gui.inference.prediction import Heatmap, Side
from fusion3d_gui.inference.tissue_outline import TissueOutline
from fusion3d_gui.model.attribution.cam import CamMethod, ClassMaps, class_maps, free_trace
from fusion3d_gui.model.attribution.displacement import Displacements
from fusion3d_gui.model.attribution.gradcam import pooled_gradient
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.no_weight_init import no_weight_init
from fusion3d_gui.model.preprocessing import ModelInput
from fusion3d_gui.model.reference.appearance import appearance_features
from fusion3d_gui.model.reference.texture import texture_features


class Head:
    """The part of a bundle's network after the convolutions: float32, on the CPU, in eval mode.

    A copy, so that it stays on the CPU when an engine moves the network to its device. Immutable, and
    safe to use on any thread.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self.info: BundleInfo = bundle.info
        with no_weight_init():
            self.network = LearnedFeatureFusion3D(bundle.info.network)
        own = {
            name: value.detach().cpu().float().clone()
            for name, value in bundle.network.state_dict().items()
            if not name.startswith("image_branch.backbone.")
        }
        # The convolutions are not used here, so no memory is allocated for them.
        self.network.load_state_dict(own, strict=False, assign=True)
        self.network.eval().requires_grad_(False)

    @property
    def takes_metadata(self) -> bool:
        """False for an image-only model."""
        return self.info.network.fusion != "image_only"

    def logits(self, pooled: Tensor, codes: np.ndarray | None) -> np.ndarray:
        """Logits, float64 [n], of pooled features [n or 1, C] with encoded metadata [n or 1, W].

        ``codes`` is ignored by an image-only model.
        """
        with torch.inference_mode():
            metadata = None
            if self.takes_metadata:
                assert codes is not None
                metadata = torch.from_numpy(np.asarray(codes, dtype=np.float32))
                count = max(len(pooled), len(metadata))
                pooled, metadata = pooled.expand(count, -1), metadata.expand(count, -1)
            found: np.ndarray = self.network.head_from_pooled(pooled, metadata)[-1].double().numpy()
        return found

    def any_logit(self, maps: np.ndarray) -> float:
        """Logit of feature maps [C, k, j, i] with all-zero metadata, to compare engines."""
        return float(self.logits(_pooled(maps), np.zeros((1, self.info.schema.width)))[0])


class CaseModel:
    """The model as a function of the metadata, for one case's image.

    Parameters
    ----------
    head
        The model's head.
    model_input
        The network's input made from the case's volume.
    feature_maps
        Feature maps of the last stage, float32 [C, k, j, i].
    """

    def __init__(self, head: Head, model_input: ModelInput, feature_maps: np.ndarray) -> None:
        self.head = head
        self.model_input = model_input
        self.feature_maps = feature_maps
        self.pooled = _pooled(feature_maps)

    @property
    def info(self) -> BundleInfo:
        """The bundle's configuration."""
        return self.head.info

    @cached_property
    def image_embedding(self) -> np.ndarray:
        """Image embedding, float32 [E]."""
        with torch.inference_mode():
            embedding: np.ndarray = self.head.network.image_branch.embed(self.pooled)[0].numpy()
        return embedding

    @cached_property
    def outline(self) -> TissueOutline:
        """Where the input shows tissue."""
        voxels = self.model_input.voxels
        return TissueOutline(self.info.preprocessing.foreground(voxels), self.model_input.affine)

    @cached_property
    def appearance(self) -> np.ndarray:
        """Appearance features, float32 [D].

        See :func:`~fusion3d_gui.model.reference.appearance.appearance_features`.
        """
        voxels = self.model_input.voxels
        return appearance_features(voxels, self.info.preprocessing.foreground(voxels))

    @cached_property
    def texture(self) -> np.ndarray:
        """Texture features, float32 [D]: see :func:`~fusion3d_gui.model.reference.texture.texture_features`."""
        voxels = self.model_input.voxels
        return texture_features(voxels, self.info.preprocessing.foreground(voxels))

    def logit(self, values: Mapping[str, object]) -> float:
        """Logit with these metadata. Raises UserError where they do not fit the schema."""
        return float(self.logits(self.info.schema.encode(values)[None])[0])

    def logits(self, codes: np.ndarray) -> np.ndarray:
        """Logits [n], float64, of encoded metadata [n, W]."""
        return self.head.logits(self.pooled, codes)

    def probability(self, values: Mapping[str, object]) -> float:
        """Calibrated probability with these metadata."""
        return self.info.decision.probability(self.logit(values))

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of logits, of the same shape."""
        scaled = torch.from_numpy(np.asarray(logits, dtype=np.float64))
        found: np.ndarray = torch.sigmoid(scaled / self.info.decision.temperature).numpy()
        return found

    def pooled_gradient(self, values: Mapping[str, object]) -> np.ndarray:
        """d logit / d pooled features, float32 [C], with these metadata."""
        metadata = self._encoded(values)
        found: np.ndarray = pooled_gradient(self.head.network, self.pooled, metadata)[0].numpy()
        return found

    def heatmap(
        self, values: Mapping[str, object], method: CamMethod = "gradcam", side: Side = "raised"
    ) -> Heatmap:
        """The class activation map at the last stage, with these metadata.

        Mean pooling gives every cell the same gradient, so that no backward pass through the
        convolutions is needed (see :mod:`fusion3d_gui.model.attribution.gradcam`).
        """
        metadata = self._encoded(values)
        maps = torch.from_numpy(self.feature_maps)[None]
        traced = free_trace(self.head.network, maps, self.pooled, metadata)
        found = class_maps(traced, method, (4,))
        known = self.info.displacements
        made = cam_heatmap(found, self.model_input.affine, method, (4,), side, known)
        return replace(made, outline=self.outline)

    def _encoded(self, values: Mapping[str, object]) -> Tensor | None:
        """The encoded metadata [1, W], as the network's head takes them."""
        if not self.head.takes_metadata:
            return None
        return torch.from_numpy(self.info.schema.encode(values))[None]


def cam_heatmap(
    maps: ClassMaps,
    grid_affine: np.ndarray,
    method: CamMethod,
    stages: Sequence[int],
    side: Side,
    displacements: Displacements | None = None,
) -> Heatmap:
    """Heatmap of one side of the first map of a batch; ``grid_affine`` is the input grid's (LPS mm).

    Corrected where ``displacements`` say so: they were measured on what raises the logit.
    """
    values, affine = maps.raised if side == "raised" else maps.lowered, maps.affine(grid_affine)
    known = None
    if displacements is not None and side == "raised":
        known = displacements.of(method, stages)
    correction = None if known is None else MapCorrection.of(known, grid_affine)
    if correction is not None and correction.applied:
        affine[:3, 3] -= correction.vector_lps
    return Heatmap(
        values=values[0].float().cpu().numpy(),
        affine=affine,
        method=method,
        layer="+".join(f"layer{stage}" for stage in sorted(stages)),
        side=side,
        correction=correction,
    )


def _pooled(maps: np.ndarray) -> Tensor:
    """Pooled features [1, C] of feature maps [C, k, j, i], as the network's head takes them.

    Computed by NumPy: PyTorch's threads spend milliseconds on synchronisation for so few numbers.
    """
    return torch.from_numpy(maps.reshape(len(maps), -1).mean(axis=1)[None])
