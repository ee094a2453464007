"""The predictor against a plain forward pass and MONAI's Grad-CAM; cancel, device, provenance."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch
from monai.visualize import GradCAM
from safetensors.torch import load_file

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.attribution.cam import CAM_METHODS, explain
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import FUSIONS


def values_for(info: BundleInfo) -> dict:
    return {"age": 71, "sex": "F", "diabetes": True} if info.schema.fields else {}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_equals_a_plain_forward_pass_of_the_same_weights(make_bundle, volume, fusion):
    folder = make_bundle(fusion)
    predictor = load_predictor(folder, "cpu")
    info = predictor.info
    result = predictor.predict(volume, values_for(info))
    plain = LearnedFeatureFusion3D(info.network)
    plain.load_state_dict(load_file(folder / "models" / "model.safetensors"))
    plain.eval()
    image = torch.from_numpy(info.preprocessing.apply(volume).voxels)[None, None]
    code = (
        torch.from_numpy(info.schema.encode(values_for(info)))[None]
        if fusion != "image_only"
        else None
    )
    with torch.no_grad():
        logit = plain(image, code).item()
    assert result.logit == pytest.approx(logit, abs=1e-5)
    assert result.probability == pytest.approx(1 / (1 + np.exp(-logit / 1.5)), abs=1e-6)


def test_the_heatmap_equals_monais_gradcam_and_covers_the_volume(make_bundle, volume):
    predictor = load_predictor(make_bundle("concat"), "cpu")
    values = values_for(predictor.info)
    heatmap = predictor.predict(volume, values).heatmap
    image = torch.from_numpy(predictor.info.preprocessing.apply(volume).voxels)[None, None]
    code = torch.from_numpy(predictor.info.schema.encode(values))[None]

    class Wrapped(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(x, code)[:, None]

    network = ModelBundle.load(predictor.info.folder).network.requires_grad_(True)
    method = GradCAM(Wrapped(network), target_layers="network.image_branch.backbone.layer4")
    theirs = method.compute_map(image, class_idx=0)[0, 0].detach().numpy()
    assert heatmap.values.shape == theirs.shape
    np.testing.assert_allclose(heatmap.values, theirs, atol=1e-4 * max(theirs.max(), 1e-6))

    cells = heatmap.as_volume
    low, high = cells.bounds_lps
    assert (low <= volume.bounds_lps[0]).all()
    assert (high >= volume.bounds_lps[1]).all()


def test_two_predictions_of_one_case_are_the_same_number(make_bundle, volume):
    predictor = load_predictor(make_bundle(), "cpu")
    values = values_for(predictor.info)
    first = predictor.predict(volume, values).logit
    assert predictor.predict(volume, values).logit == first
    again = load_predictor(predictor.info.folder, "cpu")
    assert again.predict(volume, values).logit == first


def test_an_image_that_was_looked_at_is_not_looked_at_again_for_other_metadata(make_bundle, volume):
    predictor = load_predictor(make_bundle(), "cpu", engine="torch")
    predictor.predict(volume, {"age": 50})
    seen: list[str] = []
    changed = predictor.predict(volume, {"age": 80}, lambda _, message: seen.append(message))
    assert "Predicting" not in seen
    fresh = load_predictor(predictor.info.folder, "cpu", engine="torch")
    assert changed.logit == fresh.predict(volume, {"age": 80}).logit
    other = Volume(volume.voxels[::-1].copy(), volume.affine)
    predictor.predict(other, {"age": 80}, lambda _, message: seen.append(message))
    assert "Predicting" in seen


@pytest.mark.parametrize("stages", [(4,), (2,), (3, 4)])
@pytest.mark.parametrize("side", ["raised", "lowered"])
@pytest.mark.parametrize("method", CAM_METHODS)
def test_every_method_at_every_stage_is_what_the_model_room_makes(
    make_bundle, volume, method, side, stages
):
    predictor = load_predictor(make_bundle(), "cpu")
    values = values_for(predictor.info)
    case = predictor.predict_case(volume, values).case
    ours = predictor.explain(case, values, method, stages, side)
    network = ModelBundle.load(predictor.info.folder).network
    image = torch.from_numpy(case.model_input.voxels)[None, None]
    code = torch.from_numpy(predictor.info.schema.encode(values))[None]
    maps = explain(network, image, code, method, stages)
    theirs = (maps.raised if side == "raised" else maps.lowered)[0].numpy()
    strongest = float(torch.maximum(maps.raised, maps.lowered).max())
    np.testing.assert_allclose(ours.values, theirs, atol=1e-4 * strongest)
    np.testing.assert_allclose(ours.affine, maps.affine(case.model_input.affine))
    assert (ours.method, ours.side) == (method, side)


def test_metadata_change_the_answer_and_are_recorded(make_bundle, volume):
    predictor = load_predictor(make_bundle(), "cpu")
    young = predictor.predict(volume, {"age": 45, "sex": "F"})
    old = predictor.predict(volume, {"age": 85, "sex": "F"})
    assert young.logit != old.logit
    assert old.metadata == {"age": 85.0, "sex": "F", "diabetes": None}
    assert any("Diabetes" in notice for notice in old.notices)


def test_the_result_carries_its_provenance_and_no_path(make_bundle, volume, tmp_path):
    folder = make_bundle()
    result = load_predictor(folder, "cpu").predict(volume, {"age": 71})
    plain = json.loads(json.dumps(result.to_json(), allow_nan=False))
    weights = (folder / "models" / "model.safetensors").read_bytes()
    assert plain["model"] == {
        "name": "test-concat",
        "version": "1.2.3",
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    assert plain["voxels_sha256"] == volume.sha256
    assert plain["notice"] == "Research use only"
    assert plain["device"].startswith("CPU")
    assert set(plain["libraries"]) >= {"torch", "monai", "numpy"}
    assert ("openvino" in plain["libraries"]) == ("OpenVINO" in plain["device"])
    assert str(tmp_path) not in json.dumps(plain)


@pytest.mark.parametrize("stop_at", [0.0, 0.35, 0.6, 0.9])
def test_can_be_cancelled_at_any_stage_and_works_again_afterwards(make_bundle, volume, stop_at):
    predictor = load_predictor(make_bundle(), "cpu", engine="torch")

    def progress(fraction: float, message: str) -> None:
        if fraction >= stop_at:
            raise Cancelled

    with pytest.raises(Cancelled):
        predictor.predict(volume, {}, progress)
    assert np.isfinite(predictor.predict(volume, {}).logit)


def test_progress_rises_from_stage_to_stage(make_bundle, volume):
    seen: list[float] = []
    predictor = load_predictor(make_bundle(), "cpu", engine="torch")
    predictor.predict(volume, {}, lambda f, _: seen.append(f))
    assert seen == sorted(seen)
    assert len(seen) > 16
    assert 0 <= seen[0] <= seen[-1] <= 1


def test_wrong_metadata_are_refused(make_bundle, volume):
    with pytest.raises(UserError, match="age=200"):
        load_predictor(make_bundle(), "cpu").predict(volume, {"age": 200})


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused(make_bundle):
    with pytest.raises(UserError, match="no cuda device"):
        load_predictor(make_bundle(), "cuda")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu(make_bundle, volume):
    folder = make_bundle("concat", width=1.0)
    on_cpu = load_predictor(folder, "cpu").predict(volume, {"age": 71})
    on_gpu = load_predictor(folder, "cuda").predict(volume, {"age": 71})
    assert on_gpu.device.startswith("GPU")
    assert on_gpu.logit == pytest.approx(on_cpu.logit, abs=1e-4)
    np.testing.assert_allclose(on_gpu.heatmap.values, on_cpu.heatmap.values, atol=1e-4)


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="needs Apple's MPS")
def test_mps_agrees_with_the_cpu(make_bundle, volume):
    folder = make_bundle("concat", width=1.0)
    on_cpu = load_predictor(folder, "cpu").predict(volume, {"age": 71})
    on_gpu = load_predictor(folder, "mps").predict(volume, {"age": 71})
    assert on_gpu.device.startswith("GPU")
    assert on_gpu.logit == pytest.approx(on_cpu.logit, abs=1e-4)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_out_of_gpu_memory_falls_back_to_the_cpu_with_a_notice(make_bundle, volume):
    predictor = load_predictor(make_bundle("concat"), "cuda")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**20) / total)
    try:
        result = predictor.predict(volume, {"age": 71})
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert result.device.startswith("CPU")
    assert any("ran out of memory" in notice for notice in result.notices)
