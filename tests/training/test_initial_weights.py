"""Starting from weights that exist."""

from __future__ import annotations

import pickle

import pytest
import torch
from monai.networks.nets import resnet50

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.training.fit.initial_weights import load_initial_weights


def network(width: float = 1 / 8) -> LearnedFeatureFusion3D:
    return LearnedFeatureFusion3D(
        NetworkConfig(fusion="image_only", width=width, stage_strides=(2, 1, 1))
    )


@pytest.fixture(scope="module")
def medicalnet(tmp_path_factory):
    """A file with the keys of MedicalNet's resnet_50_23dataset.pth: a wrapped model on several GPUs."""
    torch.manual_seed(1)
    weights = resnet50(
        spatial_dims=3, n_input_channels=1, feed_forward=False, shortcut_type="B",
        bias_downsample=False, widen_factor=1 / 8,
    ).state_dict()  # fmt: skip
    path = tmp_path_factory.mktemp("medicalnet") / "resnet_50_23dataset.pth"
    plain = {
        f"module.{name}": value
        for name, value in weights.items()
        if not name.endswith("num_batches_tracked")
    }
    plain["module.conv_seg.0.weight"] = torch.zeros(2, 2)
    torch.save({"state_dict": plain}, path)
    return path, weights


def test_medicalnets_file_fills_the_whole_backbone(medicalnet):
    path, weights = medicalnet
    ours = network()
    load_initial_weights(ours, path)
    for name, value in ours.image_branch.backbone.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_another_width_is_refused_with_both_shapes(medicalnet):
    with pytest.raises(UserError, match=r"conv1.weight is 8×1×7×7×7.* 16×1×7×7×7"):
        load_initial_weights(network(width=1 / 4), medicalnet[0])


def test_another_network_is_refused(medicalnet, tmp_path):
    torch.save({"state_dict": {"module.other": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="lack conv1"):
        load_initial_weights(network(), tmp_path / "other.pth")


def test_a_pickle_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("it was run",))

    (tmp_path / "bomb.pth").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="can't be read as a weights file"):
        load_initial_weights(network(), tmp_path / "bomb.pth")
    with pytest.raises(UserError, match="no such file"):
        load_initial_weights(network(), tmp_path / "none.pth")
