"""The network: its parts, its fusion modes, and what one pass returns."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import resnet50

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import FUSIONS, NetworkConfig


def small(fusion: str, **changes) -> LearnedFeatureFusion3D:
    torch.manual_seed(0)
    width = 0 if fusion == "image_only" else 5
    config = {"fusion": fusion, "metadata_width": width, "width": 1 / 16, **changes}
    return LearnedFeatureFusion3D(NetworkConfig(**config)).eval()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_one_pass_returns_every_stage_in_its_stated_shape(fusion):
    network = small(fusion)
    metadata = None if fusion == "image_only" else torch.randn(2, 5)
    out = network.forward_features(torch.randn(2, 1, 33, 33, 65), metadata)
    assert out.feature_maps.shape == (2, 128, 2, 2, 3)
    torch.testing.assert_close(out.pooled, out.feature_maps.flatten(2).mean(2))
    assert out.image_embedding.shape == (2, 512)
    assert (out.image_embedding >= 0).all()
    assert out.logit.shape == (2,)
    if fusion == "image_only":
        assert out.metadata_embedding is None
        expected = out.image_embedding
    else:
        assert out.metadata_embedding.shape == (2, 512)
        assert (out.metadata_embedding >= 0).all()
        expected = {
            "concat": torch.cat([out.image_embedding, out.metadata_embedding], 1),
            "add": out.image_embedding + out.metadata_embedding,
            "multiply": out.image_embedding * out.metadata_embedding,
        }[fusion]
    assert torch.equal(out.fused, expected)
    assert out.fused.shape[1] == (1024 if fusion == "concat" else 512)
    torch.testing.assert_close(network.classifier(out.fused).squeeze(1), out.logit)


def test_image_only_has_no_metadata_branch_at_all():
    assert not any("metadata" in name for name in small("image_only").state_dict())


@pytest.mark.parametrize("fusion", ["concat", "add", "multiply"])
def test_both_branches_receive_gradient(fusion):
    network = small(fusion).train()
    network(torch.randn(4, 1, 17, 17, 17), torch.randn(4, 5)).sum().backward()
    for branch in (network.image_branch, network.metadata_branch, network.classifier):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in branch.parameters())


def test_the_backbone_is_monais_resnet50_name_for_name_and_number_for_number():
    network = small("image_only", width=1.0)
    reference = resnet50(
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=2,
        feed_forward=False,
        bias_downsample=False,
    ).eval()
    backbone = network.image_branch.backbone
    reference.load_state_dict(backbone.state_dict())
    image = torch.randn(1, 1, 33, 33, 33)
    with torch.inference_mode():
        torch.testing.assert_close(network.forward_features(image).pooled, reference(image))
    assert network.config.total_stride == 32
    assert sum(p.numel() for p in backbone.parameters()) == pytest.approx(46.2e6, rel=0.01)


@pytest.mark.parametrize(
    ("stem_stride", "stem_pool", "total"),
    [(2, True, 32), (2, False, 16), (1, True, 16), (1, False, 8)],
)
def test_the_stem_sets_the_total_stride(stem_stride, stem_pool, total):
    network = small("image_only", stem_stride=stem_stride, stem_pool=stem_pool)
    assert network.config.total_stride == total
    maps = network.forward_features(torch.zeros(1, 1, 2 * total + 1, total + 1, total + 1))
    assert maps.feature_maps.shape[2:] == (3, 2, 2)


def test_what_is_raised_between_blocks_stops_the_pass():
    calls = []

    def between() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        small("image_only").forward_features(torch.zeros(1, 1, 33, 33, 33), None, between)
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("fusion", "metadata"),
    [("concat", None), ("image_only", torch.zeros(1, 5)), ("add", torch.zeros(1, 4))],
)
def test_metadata_that_do_not_fit_the_mode_are_refused(fusion, metadata):
    with pytest.raises(ValueError, match="fusion"):
        small(fusion)(torch.zeros(1, 1, 33, 33, 33), metadata)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fusion": "gated"},
        {"fusion": "image_only", "metadata_width": 3},
        {"fusion": "concat", "metadata_width": 0},
        {"width": 0},
        {"dropout": 1.0},
        {"stem_stride": 9},
        {"embedding": 10**9},
    ],
)
def test_a_configuration_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"\w"):
        NetworkConfig(**{"fusion": "concat", "metadata_width": 3, **wrong})
