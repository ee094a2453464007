"""Bundles in the layout of MONAI's Model Zoo: their network is used, or a sentence says why not; their code never runs.

Made here with random weights, with the same keys as those of the zoo: the classes, shapes and classes of outputs of
``breast_density_classification``, ``endoscopic_inbody_classification`` and ``classification_template``.
"""

from __future__ import annotations

import json

import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import DenseNet121, SEResNet50

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.bundle.monai_bundle import MonaiBundle
from tests.exchange.test_make_bundle import trained, volume

STEPS = [
    {"_target_": "LoadImaged", "keys": "image"},
    {"_target_": "EnsureChannelFirstd", "keys": "image"},
    {"_target_": "Orientationd", "keys": "image", "axcodes": "LPS"},
    {"_target_": "Spacingd", "keys": "image", "pixdim": [4.0, 4.0, 4.0]},
]
CT = {
    "_target_": "ScaleIntensityRanged",
    "keys": "image",
    "a_min": -100,
    "a_max": 200,
    "b_min": -1.0,
    "b_max": 1.0,
    "clip": True,
}


@pytest.fixture
def make_zoo(tmp_path):
    """Write a bundle of this network; anything of its code that ran would leave a file."""

    def make(network_def, *, shape=(33, 37, 41), channels=1, classes=("no", "yes"), steps=STEPS):
        folder = tmp_path / "zoo"
        ran = tmp_path / "ran"
        for name in ("configs", "models", "scripts", "docs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "LICENSE").write_text("Its makers' terms\n")
        (folder / "scripts" / "__init__.py").write_text(f"open({str(ran)!r}, 'w')\n")
        inference = {
            "imports": ["$import glob", f"$open({str(ran)!r}, 'w')"],
            "bundle_root": ".",
            "num_classes": len(classes),
            "dims": "@_meta_#none",
            "device": f"$open({str(ran)!r}, 'w')",
            "network_def": network_def,
            "network": "$@network_def.to(@device)",
            "preprocessing": {"_target_": "Compose", "transforms": steps},
            "inferer": {"_target_": "SimpleInferer"},
        }
        image = {
            "type": "image",
            "format": "magnitude",
            "num_channels": channels,
            "spatial_shape": list(shape),
            "dtype": "float32",
            "value_range": [],
            "is_patch_data": False,
            "channel_def": {"0": "image"},
        }
        pred = {
            **image,
            "type": "probabilities",
            "format": "classes",
            "num_channels": len(classes),
            "spatial_shape": [1, len(classes)],
            "channel_def": {str(n): name for n, name in enumerate(classes)},
        }
        metadata = {
            "version": "0.1.0",
            "monai_version": "1.4.0",
            "task": "Test of a bundle",
            "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": pred}},
        }
        for name, plain in (("inference", inference), ("metadata", metadata)):
            (folder / "configs" / f"{name}.json").write_text(json.dumps(plain))
        return folder

    yield make
    assert not (tmp_path / "ran").exists()


def monai_logit(network: torch.nn.Module, image: torch.Tensor) -> float:
    """What the network says of an image whose axes run to left, posterior and superior."""
    with torch.inference_mode():
        out = network(image)
    return float(out[0, 1] - out[0, 0])


DENSENET = {
    "_target_": "DenseNet121",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": "@num_classes",
}
SERESNET = {
    "_target_": "monai.networks.nets.SEResNet50",
    "spatial_dims": 3,
    "in_channels": 1,
    "num_classes": 2,
}


@pytest.mark.parametrize(
    ("network_def", "make", "steps"),
    [
        (DENSENET, lambda: DenseNet121(3, 1, 2), STEPS),
        (DENSENET, lambda: DenseNet121(3, 1, 2), [*STEPS, CT]),
        (SERESNET, lambda: SEResNet50(spatial_dims=3, in_channels=1, num_classes=2), STEPS),
    ],
    ids=["densenet-MR", "densenet-CT", "seresnet-MR"],
)
def test_a_classifier_of_3d_images_predicts_as_in_monai(
    make_zoo, tmp_path, capsys, network_def, make, steps
):
    folder, network = make_zoo(network_def, steps=steps), trained(make)
    torch.save(network.state_dict(), folder / "models" / "model.pt")
    with pytest.raises(UserError, match=r"a MONAI bundle of \w+, not yet one of Fusion3D"):
        BundleInfo.read(folder)
    assert run(["bundle", "make", str(folder), "--out", str(tmp_path / "made")]) == 0
    said = capsys.readouterr()
    info = BundleInfo.read(tmp_path / "made")
    assert (tmp_path / "made" / "LICENSE").read_text() == "Its makers' terms\n"
    assert info.decision.class_names == ("no", "yes")
    assert info.title == "Test of a bundle"
    # The zoo's shape is along left, posterior, superior; the grid is k, j, i.
    assert info.preprocessing.shape_kji == (41, 37, 33)
    assert info.preprocessing.spacing_mm == 4.0
    window = (info.preprocessing.window_center, info.preprocessing.window_width)
    assert window == ((50.0, 300.0) if CT in steps else (0.0, 0.0))
    assert "replaced" not in said.out + said.err
    predicted = load_predictor(tmp_path / "made", "cpu", engine="torch").predict_case(
        volume(), {}, despite_misfit=True
    )
    image = torch.from_numpy(predicted.case.model_input.voxels).permute(2, 1, 0)[None, None]
    expected = monai_logit(network, image)
    assert predicted.prediction.logit == pytest.approx(expected, abs=1e-5)


FLAT = {"_target_": "DenseNet121", "spatial_dims": 2, "in_channels": 1, "out_channels": 4}


@pytest.mark.parametrize(
    ("network_def", "facts", "said"),
    [
        (
            {
                "_target_": "TorchVisionFCModel",
                "model_name": "inception_v3",
                "num_classes": 4,
                "in_channels": 2048,
                "use_conv": False,
                "pool": "",
            },
            {"shape": (299, 299), "channels": 3, "classes": "ABCD"},
            "of TorchVisionFCModel that can't be used: it takes flat images of 3 channels",
        ),
        (
            {"_target_": "SEResNet50", "spatial_dims": 2, "in_channels": 3, "num_classes": 2},
            {"shape": (256, 256), "channels": 3},
            "of SEResNet50 that can't be used: it takes flat images of 3 channels",
        ),
        (FLAT, {"shape": (128, 128), "classes": "abcd"}, "it takes flat images of 1 channel"),
        ({**FLAT, "spatial_dims": 3}, {"classes": "abcd"}, "it tells 4 classes apart"),
        (
            {**FLAT, "spatial_dims": 3, "in_channels": 4, "out_channels": 2},
            {"channels": 4},
            "it takes images of 4 channels",
        ),
        ({"_target_": "scripts.net.Own"}, {}, "scripts.net.Own is no network of MONAI"),
        ({"_target_": "UNet", "spatial_dims": 3}, {}, "UNet is no classifier that is known here"),
        ("$import_and_make()", {}, "names no network, or makes it by an expression"),
        (
            {**FLAT, "spatial_dims": 3, "out_channels": 2, "growth_rate": "$16 * 2"},
            {},
            "its growth_rate is an expression, and code of a bundle is never run",
        ),
        (
            {**FLAT, "spatial_dims": 3, "out_channels": 2, "block_config": [1, 2]},
            {},
            "its argument block_config is not known here",
        ),
    ],
)
def test_what_cannot_be_used_is_said_in_a_true_sentence(
    make_zoo, tmp_path, capsys, network_def, facts, said
):
    folder = make_zoo(network_def, **facts)
    assert run(["bundle", "make", str(folder), "--out", str(tmp_path / "made")]) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    with pytest.raises(UserError) as raised:
        BundleInfo.read(folder)
    assert said in str(raised.value)


def test_what_a_bundle_does_not_tell_is_asked_for(make_zoo, tmp_path, capsys):
    network_def = {**FLAT, "spatial_dims": 3, "out_channels": 2}
    call = ["bundle", "make", str(tmp_path / "zoo"), "--out", str(tmp_path / "made")]
    make_zoo(network_def)
    assert run(call) == 2
    assert "models/model.pt, are not in it" in capsys.readouterr().err
    torch.save(DenseNet121(3, 1, 2).state_dict(), tmp_path / "zoo" / "models" / "model.pt")
    scaled = {"_target_": "ScaleIntensityd", "keys": "image"}
    make_zoo(network_def, steps=[*STEPS[:2], scaled])
    assert run(call) == 2
    assert "does not say along which directions" in capsys.readouterr().err
    assert run([*call, "--axes", "RAS"]) == 2
    assert "mirrored" in capsys.readouterr().err
    assert run([*call, "--axes", "SPL"]) == 2
    assert "--spacing is missing" in capsys.readouterr().err
    assert run([*call, "--axes", "SPL", "--spacing", "3"]) == 0
    said = capsys.readouterr()
    assert "Its steps ScaleIntensityd are replaced by this program's" in said.out + said.err
    assert BundleInfo.read(tmp_path / "made").preprocessing.shape_kji == (33, 37, 41)


def test_values_are_those_of_monais_own_parser(make_zoo):
    """References and class as MONAI resolves them, of a configuration without expressions."""
    folder = make_zoo({**FLAT, "spatial_dims": 3, "out_channels": "@num_classes"})
    found = MonaiBundle.found_in(folder)
    parser = ConfigParser(json.loads((folder / "configs" / "inference.json").read_text()))
    assert found.class_name == parser["network_def"]["_target_"]
    assert found.classes == ("no", "yes")
    assert parser["num_classes"] == len(found.classes)
    assert found.transforms == tuple(
        each["_target_"] for each in parser["preprocessing"]["transforms"]
    )
    assert found.obstacle is None


@pytest.mark.parametrize("content", ["[" * 100_000, "[1]", '{"network_def": "@network_def"}', "{"])
def test_a_hostile_configuration_is_one_sentence(make_zoo, content):
    folder = make_zoo(FLAT)
    (folder / "configs" / "inference.json").write_text(content)
    with pytest.raises(UserError):
        BundleInfo.read(folder)
