"""MONAI's own commands and ONNX Runtime on copies of the shipped bundles."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from fusion3d_gui.cli.parser import run
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.exchange.check import check_bundle, monai_schema
from fusion3d_gui.shipped import models_dir

#: Runs `python -m monai.bundle` for each list of arguments, and its function load, which has no command, for each copy:
#: importing MONAI takes seconds.
_COMMANDS = """
import json, os, runpy, sys
sys.modules["fusion3d_gui"] = None  # as where this program is not installed
commands, folder, names = json.load(open(sys.argv[1]))
for place, arguments in commands:
    os.chdir(place)
    sys.argv = ["monai.bundle", *arguments]
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
from monai.bundle import load
for name in names:
    os.chdir(os.path.join(folder, name))
    network = load(name, bundle_dir=folder, device="cpu", workflow_type="inference")
    assert type(network).__module__ == "scripts.monai_network", network
    for part in [part for part in sys.modules if part.split(".")[0] == "scripts"]:
        del sys.modules[part]  # the next copy has its own
"""


def shipped():
    return sorted(models_dir().iterdir())


def test_monais_own_commands_work_on_copies_of_all_shipped_bundles(tmp_path):
    (tmp_path / "schema.json").write_text(json.dumps(monai_schema()), encoding="utf-8")
    commands = []
    for folder in shipped():
        copy = tmp_path / "copies" / folder.name
        copy.parent.mkdir(exist_ok=True)
        assert run(["bundle", "export-monai", str(folder), str(copy)]) == 0
        meta, config = "configs/metadata.json", "configs/inference.json"
        info = ModelBundle.load(folder).info
        code = {"metadata": [[0.0] * info.schema.width]} if info.schema.fields else {}
        both = ["--meta_file", meta, "--config_file", config]
        schema = str(tmp_path / "schema.json")
        commands += [
            (str(copy), arguments)
            for arguments in (
                ["verify_metadata", "--meta_file", meta, "--filepath", schema],
                ["verify_net_in_out", "network_def", *both]
                + ["--extra_forward_args", json.dumps(code)],
                ["ckpt_export", "network_def", "--filepath", "models/model.ts"]
                + ["--ckpt_file", "models/model.pt", *both],
            )
        ]
    names = [folder.name for folder in shipped()]
    work = json.dumps([commands, str(tmp_path / "copies"), names])
    (tmp_path / "commands.json").write_text(work, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _COMMANDS, str(tmp_path / "commands.json")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    image = torch.randn(1, 1, *ModelBundle.load(shipped()[0]).info.preprocessing.shape_kji)
    for folder in shipped():
        network = ModelBundle.load(folder).network
        given = [image]
        if network.config.metadata_width:
            given.append(torch.randn(1, network.config.metadata_width))
        script = torch.jit.load(tmp_path / "copies" / folder.name / "models" / "model.ts").eval()
        with torch.inference_mode():
            assert float(script(*given)) == pytest.approx(float(network(*given)), abs=1e-5)


@pytest.mark.parametrize("name", ["demo-concat", "demo-image-only"])
def test_onnx_runtime_computes_logit_and_feature_maps(tmp_path, name, capfd):
    onnxruntime = pytest.importorskip("onnxruntime")
    folder, out = models_dir() / name, tmp_path / "model.onnx"
    assert run(["bundle", "export-onnx", str(folder), str(out)]) == 0
    # The exporter's own warnings are not for the user.
    assert capfd.readouterr().err == ""
    loaded = ModelBundle.load(folder)
    rng = np.random.default_rng(1)
    given = {
        "image": rng.standard_normal((3, 1, *loaded.info.preprocessing.shape_kji)).astype("f4")
    }
    if loaded.info.schema.fields:
        given["metadata"] = rng.standard_normal((3, loaded.info.schema.width)).astype("f4")
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == list(given)
    logit, maps = session.run(["logit", "feature_maps"], given)
    with torch.inference_mode():
        tensors = [torch.from_numpy(each) for each in given.values()]
        expected = loaded.network.forward_features(*tensors)
    np.testing.assert_allclose(logit, expected.logit.numpy(), atol=1e-4)
    np.testing.assert_allclose(maps, expected.feature_maps.numpy(), atol=1e-4)


def test_nothing_is_wrong_with_the_shipped_bundles():
    for folder in shipped():
        assert check_bundle(folder) == []
