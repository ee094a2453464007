"""Bundles of weights trained elsewhere: the prediction is that of plain PyTorch, and what can't be is said."""

from __future__ import annotations

import json
import pickle
import re

import numpy as np
import pytest
import torch
from monai.networks.nets import DenseNet121, EfficientNetBN, SEResNet50, ViT, resnet18
from safetensors.torch import save_file
from torch import nn

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle_info import Decision
from fusion3d_gui.model.exchange.check import check_bundle
from fusion3d_gui.model.exchange.make import BundleRequest, make_bundle
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing

GRID = (33, 33, 33)


@pytest.fixture
def request_for(tmp_path, schema):
    """A request for a bundle of a file, with or without the schema."""
    fields = tmp_path / "fields.json"
    fields.write_text(json.dumps(schema.to_json()), encoding="utf-8")

    def made(weights, network, *, with_schema=False, grid=GRID, **more):
        return BundleRequest(
            weights=weights,
            network=network,
            preprocessing=Preprocessing(grid, 4.0),
            decision=Decision(("no", "yes")),
            schema=fields if with_schema else None,
            **more,
        )

    return made


def trained(make, seed=3):
    """A network with batch norms that are not the identity, in eval mode."""
    torch.manual_seed(seed)
    network = make()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def own_network(schema, fusion="concat"):
    width = 0 if fusion == "image_only" else schema.width
    config = NetworkConfig(fusion=fusion, metadata_width=width, width=1 / 16, embedding=24)
    return trained(lambda: LearnedFeatureFusion3D(config))


def volume(seed=0) -> Volume:
    rng = np.random.default_rng(seed)
    return Volume(rng.uniform(0, 100, (33, 33, 33)).astype(np.float32), np.diag([4.0, 4, 4, 1]))


def said_by(folder, values=None):
    """The logit and the heatmap of a case by PyTorch's engine, and the network's inputs."""
    predictor = load_predictor(folder, "cpu", engine="torch")
    found = predictor.predict_case(volume(), values or {}, despite_misfit=True)
    image = torch.from_numpy(found.case.model_input.voxels)[None, None]
    return found.prediction, image, predictor


def foreign_name(name: str) -> str:
    """Other words for everything, and the tabular branch before the image's."""
    name = name.replace("image_branch.backbone.", "vision.trunk.").replace(
        "image_branch.embed.", "vision.project."
    )
    name = name.replace("metadata_branch.", "clinical.net.").replace("classifier.", "answer.")
    name = re.sub(r"layer(\d)\.(\d)", r"group\1.unit_\2", name)
    return name.replace(".conv", ".c_").replace(".bn", ".norm_").replace("downsample", "skip")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_of_this_architecture_under_other_names_predict_as_plain_pytorch(
    tmp_path, request_for, schema, suffix
):
    network = own_network(schema)
    state = {foreign_name(name): value for name, value in network.state_dict().items()}
    # The tabular branch comes first in the file, as in many programs.
    state = dict(sorted(state.items(), key=lambda item: not item[0].startswith("clinical")))
    path = tmp_path / f"foreign{suffix}"
    if suffix == ".pt":
        torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, path)
    else:
        save_file(state, path)
    made = make_bundle(request_for(path, "resnet50-fusion", with_schema=True), tmp_path / "own")
    for name, source in made.mapping.names.items():
        assert source == foreign_name(name)
    prediction, image, predictor = said_by(tmp_path / "own", {"age": 70, "sex": "F"})
    code = torch.from_numpy(predictor.info.schema.encode({"age": 70, "sex": "F"}))[None]
    with torch.inference_mode():
        expected = float(network(image, code))
    assert prediction.logit == pytest.approx(expected, abs=1e-5)
    assert [p for p in check_bundle(tmp_path / "own") if "LICENSE" not in p] == []


@pytest.mark.parametrize(
    ("network", "make", "grid"),
    [
        (
            "resnet18",
            lambda: resnet18(spatial_dims=3, n_input_channels=1, num_classes=2),
            (17,) * 3,
        ),
        ("densenet121", lambda: DenseNet121(3, 1, 1), GRID),
        ("seresnet50", lambda: SEResNet50(spatial_dims=3, in_channels=1, num_classes=2), GRID),
        (
            "efficientnet-b0",
            lambda: EfficientNetBN(
                "efficientnet-b0", pretrained=False, spatial_dims=3, in_channels=1, num_classes=2
            ),
            GRID,
        ),
        (
            "vit",
            lambda: ViT(1, (32,) * 3, (16,) * 3, 48, 96, 2, 4, classification=True, spatial_dims=3),
            (32,) * 3,
        ),
    ],
)
def test_a_classifier_of_monai_predicts_as_plain_pytorch_with_a_map(
    tmp_path, request_for, network, make, grid
):
    net = trained(make)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    options = None
    if network == "vit":
        options = {
            "img_size": grid,
            "hidden_size": 48,
            "mlp_dim": 96,
            "num_layers": 2,
            "num_heads": 4,
        }
    made = make_bundle(
        request_for(tmp_path / "net.pt", network, grid=grid, options=options), tmp_path / "made"
    )
    assert all(
        name.endswith(source) or "classifier" in name for name, source in made.mapping.names.items()
    )
    assert made.mapping.text.endswith("weights, all by their names")
    prediction, image, _ = said_by(tmp_path / "made")
    with torch.inference_mode():
        out = net(image)
        out = out[0] if isinstance(out, tuple) else out
    expected = float(out[0, -1] - (out[0, 0] if out.shape[1] == 2 else 0))
    assert prediction.logit == pytest.approx(expected, abs=1e-5)
    if network == "vit":
        assert prediction.heatmap.method == "input-gradient"
        assert prediction.heatmap.values.shape == grid
    else:
        assert prediction.heatmap.method == "gradcam"
    assert np.isfinite(prediction.heatmap.values).all()


def test_a_backbone_of_monai_takes_the_metadata_branch(tmp_path, request_for, schema):
    config = NetworkConfig(
        fusion="multiply",
        metadata_width=schema.width,
        backbone="densenet121",
        channels=1024,
        embedding=20,
        metadata_hidden=12,
        classifier_hidden=10,
    )
    network = trained(lambda: LearnedFeatureFusion3D(config))
    torch.save({f"n.{k}": v for k, v in network.state_dict().items()}, tmp_path / "net.pt")
    request = request_for(tmp_path / "net.pt", "densenet121", with_schema=True, fusion="multiply")
    made = make_bundle(request, tmp_path / "made")
    assert made.bundle.network.config == config
    prediction, image, predictor = said_by(tmp_path / "made", {"age": 50, "sex": "M"})
    code = torch.from_numpy(predictor.info.schema.encode({"age": 50, "sex": "M"}))[None]
    with torch.inference_mode():
        assert prediction.logit == pytest.approx(float(network(image, code)), abs=1e-5)


def test_an_edited_mapping_is_taken_and_a_wrong_one_refused(tmp_path, request_for, schema):
    network = own_network(schema, "image_only")
    state = {foreign_name(name): value for name, value in network.state_dict().items()}
    torch.save(state, tmp_path / "net.pt")
    request = request_for(tmp_path / "net.pt", "resnet50-fusion")
    made = make_bundle(request, tmp_path / "made")
    plain = json.loads(made.mapping_file.read_text(encoding="utf-8"))
    first, second = "image_branch.backbone.bn1.weight", "image_branch.backbone.bn1.bias"
    mapping = plain["mapping"]
    mapping[first], mapping[second] = mapping[second], mapping[first]
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(plain), encoding="utf-8")
    swapped = make_bundle(
        request_for(tmp_path / "net.pt", "resnet50-fusion", mapping=edited), tmp_path / "swapped"
    )
    assert torch.equal(swapped.bundle.network.state_dict()[first], network.state_dict()[second])
    mapping[first] = mapping["classifier.0.weight"]
    edited.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(UserError, match=r"bn1\.weight is 4, but .* is 256×24"):
        make_bundle(
            request_for(tmp_path / "net.pt", "resnet50-fusion", mapping=edited), tmp_path / "wrong"
        )
    assert not (tmp_path / "wrong").exists()


def _cut(state):
    return {k: v for k, v in state.items() if "layer3.2.conv2" not in k}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            lambda s: _cut(s),
            r"weights found their tensor; image_branch\.backbone\.layer3\.\d\.conv2",
        ),
        (lambda s: {**s, "more.weight": torch.zeros(3)}, "1 tensors are left over, more.weight"),
        (lambda s: {**s, "classifier.3.bias": torch.tensor([float("nan")])}, "not finite"),
        (lambda s: {"a": s, "b": s}, "several dictionaries of tensors: a, b"),
        (lambda s: [1, 2], "it holds list, not a state dict"),
        (lambda s: {"w": torch.zeros(4, 3, 3, 3)}, "network of flat images"),
        (lambda s: {"w": torch.zeros(4, 3, 3, 3, 3)}, "images have several"),
        (lambda s: {"w": torch.zeros(1).expand(2_000_000_000)}, "claim 8.0 GB"),
    ],
    ids=["missing", "surplus", "not-finite", "several", "list", "flat", "channels", "huge"],
)
def test_what_cannot_become_a_bundle_is_said_in_a_sentence(
    tmp_path, request_for, schema, content, said
):
    state = content(own_network(schema, "image_only").state_dict())
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(UserError, match=said):
        make_bundle(request_for(tmp_path / "net.pt", "resnet50-fusion"), tmp_path / "made")
    assert not (tmp_path / "made").exists()


class _Bomb:
    def __reduce__(self):
        return (print, ("code was run",))


def test_pickled_code_is_never_run(tmp_path, request_for, capfd):
    torch.save({"net": _Bomb()}, tmp_path / "net.pt")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(_Bomb()))
    for name in ("net.pt", "old.pt"):
        with pytest.raises(UserError, match=r"pickled code is never run|neither safetensors nor"):
            make_bundle(request_for(tmp_path / name, "resnet50-fusion"), tmp_path / "made")
    assert "code was run" not in capfd.readouterr().out


def test_the_command_makes_checks_and_says_what_is_wrong(tmp_path, schema, capsys):
    network = own_network(schema, "image_only")
    torch.save(network.state_dict(), tmp_path / "net.pt")
    call = ["bundle", "make", str(tmp_path / "net.pt"), "--network", "resnet50-fusion"]
    call += ["--grid", "33,33,33", "--spacing", "4", "--out", str(tmp_path / "made")]
    assert run(call) == 0
    assert "weights, all by their names" in capsys.readouterr().out
    assert run([*call[:-1], str(tmp_path / "other"), "--option", "stem_stride=9"]) == 2
    assert "stem_stride is 9" in capsys.readouterr().err
    assert run(["bundle", "check", str(tmp_path / "made")]) == 2
    assert "LICENSE states no terms" in capsys.readouterr().out
    (tmp_path / "made" / "LICENSE").unlink()
    assert run(["bundle", "check", str(tmp_path / "made")]) == 2
    assert "LICENSE is missing" in capsys.readouterr().out
    (tmp_path / "made" / "LICENSE").write_text("free", encoding="utf-8")
    assert run(["bundle", "check", str(tmp_path / "made")]) == 0
    configs = tmp_path / "made" / "configs"
    metadata = json.loads((configs / "metadata.json").read_text(encoding="utf-8"))
    # MONAI's schema allows plain values beside tensors.
    metadata["network_data_format"]["outputs"]["number"] = 1.5
    metadata["network_data_format"]["post_processed_outputs"] = {"word": "yes"}
    (configs / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    assert check_bundle(tmp_path / "made") == []
    metadata["network_data_format"]["post_processed_outputs"] = {"word": ["yes"]}
    (configs / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    assert "post_processed_outputs" in "".join(check_bundle(tmp_path / "made"))
    del metadata["network_data_format"]["post_processed_outputs"]
    (configs / "decision.json").write_text('{"class_names": ["a", "a"]}', encoding="utf-8")
    (configs / "preprocessing.json").write_text("{", encoding="utf-8")
    del metadata["authors"]
    (configs / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    (tmp_path / "made" / "models" / "model.pt").write_bytes(b"x")
    assert run(["bundle", "check", str(tmp_path / "made")]) == 2
    out = capsys.readouterr().out.splitlines()
    for part in ("both classes are named", "is not valid JSON", "authors", "may hold code"):
        assert sum(part in line for line in out) == 1, part


def test_the_terms_that_were_given_are_the_bundles_license(tmp_path, request_for, schema):
    torch.save(own_network(schema, "image_only").state_dict(), tmp_path / "net.pt")
    request = request_for(tmp_path / "net.pt", "resnet50-fusion", license_file=tmp_path / "terms")
    for content, said in ((b"", "it is empty"), (b"\xff\xfe\x00", "as terms of use")):
        (tmp_path / "terms").write_bytes(content)
        with pytest.raises(UserError, match=said):
            make_bundle(request, tmp_path / "made")
        assert not (tmp_path / "made").exists()
    (tmp_path / "terms").write_text("CC0-1.0\n", encoding="utf-8")
    made = make_bundle(request, tmp_path / "made")
    assert (tmp_path / "made" / "LICENSE").read_text(encoding="utf-8") == "CC0-1.0\n"
    assert made.bundle.info.metadata["copyright"] == "see LICENSE"
    assert check_bundle(tmp_path / "made") == []
    assert not any("terms of use" in notice for notice in made.notices)


def test_calibration_on_a_table_is_that_of_scikit_learn(tmp_path, request_for, schema):
    """Temperature scaling is logistic regression through the origin, without a penalty."""
    from nibabel import Nifti1Image, save
    from sklearn.linear_model import LogisticRegression

    network = own_network(schema, "image_only")
    with torch.no_grad():
        network.classifier[-1].weight.mul_(300)
    torch.save(network.state_dict(), tmp_path / "net.pt")
    make_bundle(request_for(tmp_path / "net.pt", "resnet50-fusion"), tmp_path / "made")
    rng = np.random.default_rng(2)
    rows = []
    for number in range(12):
        voxels = rng.uniform(0, 100, (33, 33, 33)).astype(np.float32)
        voxels[: number + 1] *= 2
        save(Nifti1Image(voxels, np.diag([4.0, 4, 4, 1])), tmp_path / f"{number}.nii")
        rows.append(f"{number},{number}.nii,{(number + number // 5) % 2}")
    csv = tmp_path / "cases.csv"
    csv.write_text("case,path,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert run(["bundle", "calibrate", str(tmp_path / "made"), str(csv)]) == 0
    from fusion3d_gui.model.bundle.bundle_info import BundleInfo
    from fusion3d_gui.training.measure.scores import score_bundle

    scored = score_bundle(tmp_path / "made", csv)
    labels = [int(row.rsplit(",", 1)[1]) for row in rows]
    fit = LogisticRegression(C=np.inf, fit_intercept=False).fit(scored.logits[:, None], labels)
    temperature = BundleInfo.read(tmp_path / "made").decision.temperature
    assert temperature == pytest.approx(
        float(np.clip(1 / fit.coef_[0, 0], 0.05, 20)), rel=0.02
    ) or (temperature == pytest.approx(20, rel=0.02) and fit.coef_[0, 0] < 0.05)
