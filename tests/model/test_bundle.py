"""Bundles on disk: what is written is read back; what does not fit is named."""

from __future__ import annotations

import gc
import json
import pickle
import tracemalloc
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
import torch
from monai.bundle import load_bundle_config
from safetensors.torch import load_file, save_file

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle import ModelBundle, save_bundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision, find_bundles
from fusion3d_gui.model.network.network_config import FUSIONS
from fusion3d_gui.model.preprocessing import Preprocessing


def weights_of(folder: Path) -> Path:
    return folder / "models" / "model.safetensors"


def edit(folder: Path, config: str, **changes) -> None:
    path = folder / "configs" / f"{config}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_bundle_loads_as_it_was_saved(make_bundle, fusion):
    folder = make_bundle(fusion)
    bundle = ModelBundle.load(folder)
    assert bundle.info.name == f"test-{fusion}"
    assert bundle.info.version == "1.2.3"
    assert bundle.info.decision == Decision(("no", "yes"), 0.4, 1.5)
    assert not bundle.network.training
    for name, value in load_file(weights_of(folder)).items():
        assert torch.equal(bundle.network.state_dict()[name], value)


def test_monai_reads_it_as_a_bundle(make_bundle):
    parser = load_bundle_config(str(make_bundle()), "network.json")
    assert parser["_meta_#version"] == "1.2.3"
    assert parser["_meta_#network_data_format#inputs#image#spatial_shape"] == [33, 33, 49]
    assert parser["fusion"] == "concat"


def test_its_metadata_are_what_monai_asks_of_a_bundle(make_bundle, schema):
    """The names and types that MONAI's schema of metadata.json requires (meta_schema_20240725)."""
    meta = json.loads((make_bundle() / "configs" / "metadata.json").read_text(encoding="utf-8"))
    for name in (
        *("schema", "version", "monai_version", "pytorch_version", "numpy_version"),
        *("task", "description", "authors", "copyright"),
    ):
        assert isinstance(meta[name], str), name
    assert set(meta["required_packages_version"]) == {"fusion3d", "safetensors"}
    network = meta["network_data_format"]
    for tensor in (*network["inputs"].values(), *network["outputs"].values()):
        assert isinstance(tensor["type"], str)
        assert isinstance(tensor["format"], str)
        assert isinstance(tensor["dtype"], str)
        assert isinstance(tensor["is_patch_data"], bool)
        assert all(isinstance(size, (int, str)) for size in tensor["spatial_shape"])
        assert all(isinstance(end, (int, float)) for end in tensor["value_range"])
        assert sorted(tensor["channel_def"], key=int) == [
            str(n) for n in range(tensor["num_channels"])
        ]
    encoded = network["inputs"]["metadata"]
    assert encoded["num_channels"] == schema.width == 7
    assert list(encoded["channel_def"].values())[2:5] == ["sex = F", "sex = M", "sex is missing"]


def test_bundles_are_found_and_other_folders_passed_over(make_bundle, tmp_path):
    for fusion in ("concat", "image_only"):
        make_bundle(fusion)
    (tmp_path / "notes").mkdir()
    assert [info.name for info in find_bundles(tmp_path)] == ["test-concat", "test-image_only"]


def test_missing_and_surplus_weights_are_named(make_bundle):
    folder = make_bundle()
    state = load_file(weights_of(folder))
    state["extra.weight"] = state.pop("classifier.0.weight")
    save_file(state, weights_of(folder))
    with pytest.raises(UserError, match=r"lack classifier\.0\.weight.*hold extra\.weight"):
        ModelBundle.load(folder)


def test_a_weight_of_another_shape_is_named_with_both_shapes(make_bundle):
    folder = make_bundle()
    edit(folder, "network", classifier_hidden=17)
    with pytest.raises(
        UserError, match=r"classifier\.0\.weight \(file 256×1024, network 17×1024\)"
    ):
        ModelBundle.load(folder)


def test_weights_of_another_fusion_mode_are_refused(make_bundle):
    folder = make_bundle("concat")
    edit(folder, "network", fusion="add")
    with pytest.raises(UserError, match=r"fusion add.*file 256×1024, network 256×512"):
        ModelBundle.load(folder)


def test_a_schema_of_another_width_is_refused(make_bundle):
    folder = make_bundle()
    path = folder / "configs" / "schema.json"
    path.write_text(json.dumps(json.loads(path.read_text())[:-1]))
    with pytest.raises(UserError, match="takes metadata of width 7, but the schema encodes 5"):
        BundleInfo.read(folder)


def test_weights_of_another_version_of_the_preprocessing_are_refused(make_bundle):
    folder = make_bundle()
    path = folder / "configs" / "preprocessing.json"
    plain = json.loads(path.read_text())
    assert plain["version"] == 2
    without = {key: value for key, value in plain.items() if key != "version"}
    for other, named in ((without, 1), ({**plain, "version": 1}, 1), ({**plain, "version": 3}, 3)):
        path.write_text(json.dumps(other))
        sentence = f"trained with version {named} of the preprocessing, and this is version 2"
        with pytest.raises(UserError, match=sentence) as raised:
            ModelBundle.load(folder)
        assert "train the model again" in str(raised.value)
        assert "configs/preprocessing.json" in str(raised.value)


def test_an_unknown_setting_of_the_preprocessing_is_named(make_bundle):
    folder = make_bundle()
    path = folder / "configs" / "preprocessing.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "blur_mm": 2}))
    with pytest.raises(UserError, match="unknown field `blur_mm`"):
        ModelBundle.load(folder)


def test_a_pickle_is_never_opened(make_bundle, tmp_path):
    folder = make_bundle()
    marker = tmp_path / "executed"

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (marker,))

    weights_of(folder).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="safetensors"):
        ModelBundle.load(folder)
    weights_of(folder).rename(folder / "models" / "model.pt")
    with pytest.raises(UserError, match="never opened"):
        ModelBundle.load(folder)
    assert not marker.exists()


@pytest.mark.parametrize("keep", [0, 4, 100, 100_000])
def test_a_truncated_weights_file_is_refused(make_bundle, keep):
    path = weights_of(folder := make_bundle())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="damaged"):
        ModelBundle.load(folder)


def test_weights_that_are_not_finite_are_refused(make_bundle):
    path = weights_of(folder := make_bundle())
    state = load_file(path)
    state["classifier.3.bias"][:] = float("nan")
    save_file(state, path)
    with pytest.raises(UserError, match=r"classifier\.3\.bias"):
        ModelBundle.load(folder)


@pytest.mark.parametrize("config", ["metadata", "network", "preprocessing", "schema", "decision"])
@pytest.mark.parametrize("text", [None, "{", "[]", "7", '{"a": 1}', "[" * 100_000])
def test_a_broken_configuration_is_refused_by_name(make_bundle, config, text):
    path = make_bundle() / "configs" / f"{config}.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    if (config, text) == ("schema", "[]"):
        text = "the schema is empty"
    with pytest.raises(UserError, match=rf"configs/{config}\.json|schema encodes 0"):
        BundleInfo.read(path.parents[1])


@pytest.mark.parametrize(
    "broken",
    [
        {"stage": 5},
        {"stage": None},
        {"method": "guess"},
        {"method": "input-gradient"},
        {"energy": {}},
        {"cases": "x"},
    ],
)
def test_an_explanation_that_makes_no_sense_is_refused_by_name(make_bundle, measure_map, broken):
    folder = measure_map(make_bundle(), "hirescam", 1)
    assert BundleInfo.read(folder).default_map == ("hirescam", (1,))
    path = folder / "configs" / "metadata.json"
    plain = json.loads(path.read_text())
    plain["explanation"] |= broken
    path.write_text(json.dumps(plain))
    with pytest.raises(UserError, match=r"configs/metadata\.json"):
        BundleInfo.read(folder)


def test_a_method_without_stages_can_be_a_bundles_default(make_bundle, measure_map):
    info = BundleInfo.read(measure_map(make_bundle(), "input-gradient", None))
    assert info.default_map == ("input-gradient", ())
    chosen = Explanation.for_model(info)
    assert (chosen.name, chosen.is_slow, chosen.is_free) == ("Gradient × input", False, False)
    assert Explanation.for_model(info, "gradcam").stages == (4,)
    assert Explanation.for_model(info, "occlusion", (2,)).stages == ()


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such model bundle"):
        BundleInfo.read(tmp_path / "nothing")


def test_a_grid_that_would_shift_the_heatmap_is_not_saved(make_bundle, tmp_path, schema):
    bundle = ModelBundle.load(make_bundle())
    with pytest.raises(ValueError, match=r"\(65, 81, 65\)"):
        save_bundle(
            tmp_path / "other",
            bundle.network,
            metadata={"version": "1"},
            preprocessing=Preprocessing((64, 80, 64), 3.0),
            schema=schema,
            decision=bundle.info.decision,
            card="",
        )


@pytest.mark.parametrize("logit", [-1000.0, -3.0, 0.0, 3.0, 1000.0])
def test_the_probability_is_the_sigmoid_of_the_scaled_logit(logit):
    found = Decision(("a", "b"), temperature=2.0).probability(logit)
    assert found == pytest.approx(torch.sigmoid(torch.tensor(logit / 2, dtype=torch.double)).item())


def test_loading_a_bundle_again_and_again_leaves_nothing_behind(make_bundle):
    folder = make_bundle()
    reader = (
        tracemalloc.Filter(True, "*model/bundle/bundle.py"),
        tracemalloc.Filter(True, "*safetensors*"),
    )
    ModelBundle.load(folder)
    tracemalloc.start()
    try:
        held = []
        for _ in range(6):
            ModelBundle.load(folder)
            gc.collect()
            taken = tracemalloc.take_snapshot().filter_traces(reader).statistics("filename")
            held.append(sum(each.size for each in taken))
    finally:
        tracemalloc.stop()
    # Two integers for each weight, as safe_open leaves behind, would be 18 kB.
    # At most loadings: a table that grows now and then is not left behind.
    assert median(after - before for before, after in pairwise(held)) < 2_000
