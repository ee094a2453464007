"""Engines against PyTorch in float32; which one is taken, and what happens when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.inference.engines.available import Candidate, available_engines
from fusion3d_gui.inference.engines.openvino import OpenVinoEngine
from fusion3d_gui.inference.engines.openvino_graph import build_graph
from fusion3d_gui.inference.engines.protocol import TorchEngine
from fusion3d_gui.inference.engines.select import TOLERANCE, SelectedEngine, choose_engine
from fusion3d_gui.inference.predictor import Predictor, load_predictor
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import FUSIONS, NetworkConfig
from fusion3d_gui.progress import no_progress


def network(**changes) -> LearnedFeatureFusion3D:
    torch.manual_seed(2)
    made = LearnedFeatureFusion3D(NetworkConfig("image_only", **{"width": 1 / 16, **changes}))
    for module in made.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2)
    return made.eval().requires_grad_(False)


def assert_same_features(made: LearnedFeatureFusion3D, shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    reference = TorchEngine(made, torch.device("cpu")).features(image)
    found = OpenVinoEngine(made, shape).features(image)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference, atol=1e-5 * reference.max())


@pytest.mark.parametrize(("stem_stride", "stem_pool"), [(2, True), (2, False), (1, True)])
def test_openvino_gives_the_features_of_pytorch(stem_stride, stem_pool):
    assert_same_features(network(stem_stride=stem_stride, stem_pool=stem_pool), (33, 49, 33))


def test_openvino_follows_dilated_stages():
    assert_same_features(network(stem_pool=False, stage_strides=(2, 1, 1)), (33, 33, 33))


def test_a_layer_that_openvinos_graph_does_not_know_is_refused():
    made = network()
    made.image_branch.backbone.act = nn.GELU()
    with pytest.raises(RuntimeError, match="GELU"):
        build_graph(made.image_branch, (1, 1, 33, 33, 33))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_all_engines_agree_in_the_logit_and_the_map(make_bundle, volume, fusion):
    folder = make_bundle(fusion)
    values = {"age": 71} if fusion != "image_only" else {}
    results = {
        name: load_predictor(folder, "cpu", engine=name).predict(volume, values)
        for name in ("torch", "openvino", "auto")
    }
    reference = results["torch"]
    assert reference.device.endswith("PyTorch")
    assert results["openvino"].device.endswith("OpenVINO")
    assert "openvino" in results["openvino"].libraries
    for result in results.values():
        assert result.logit == pytest.approx(reference.logit, abs=TOLERANCE)
        np.testing.assert_allclose(
            result.heatmap.values, reference.heatmap.values, atol=1e-4 * reference.heatmap.peak
        )


def test_the_measurement_is_made_once_for_a_machine_and_a_bundle(
    make_bundle, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = make_bundle()
    messages: list[list[str]] = []
    reasons = []
    for _ in range(2):
        messages.append([])
        predictor = load_predictor(folder, "cpu", lambda _, text: messages[-1].append(text))
        reasons.append(predictor.engine_reason)
    assert "Comparing engines" in messages[0]
    assert "Comparing engines" not in messages[1]
    assert reasons[0] == reasons[1]
    assert "PyTorch" in reasons[0]
    assert "OpenVINO" in reasons[0]


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"a": 3}', b"\xff", b"[" * 100_000])
def test_a_damaged_memory_of_measurements_is_measured_anew(
    make_bundle, tmp_path, monkeypatch, content
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "fusion3d" / "engines.json"
    cache.parent.mkdir()
    cache.write_bytes(content)
    predictor = load_predictor(make_bundle(), "cpu")
    assert "fastest here" in predictor.engine_reason
    assert cache.read_bytes() != content


def test_an_engine_that_does_not_agree_is_not_taken(make_bundle):
    folder = make_bundle()
    path = folder / "models" / "model.safetensors"
    weights = load_file(path)
    # A logit so large that rounding alone takes it further than the tolerance.
    weights["classifier.3.weight"] *= 1e6
    save_file(weights, path)
    chosen = choose_engine(ModelBundle.load(folder), "auto", "cpu")
    assert chosen.engine.name == "torch"


class Device:
    """PyTorch on a device that is slower, wrong or too small by so much: for machines without that device."""

    def __init__(
        self, bundle, wait_s: float = 0.0, off: float = 0.0, error: Exception | None = None
    ):
        self._engine = TorchEngine(bundle.network, torch.device("cpu"))
        self._wait_s, self._off, self._error = wait_s, off, error
        self.name, self.text, self.libraries = "torch", f"Device {wait_s:g}, PyTorch", {}

    def features(self, voxels, progress=no_progress):
        if self._error is not None:
            raise self._error
        time.sleep(self._wait_s)
        return self._engine.features(voxels, progress) + self._off

    def pooled(self, images, progress=no_progress):
        return self._engine.pooled(images, progress)


def choose_among(bundle, cpu: dict, gpu: dict, messages: list | None = None) -> SelectedEngine:
    def offered(_, device: str) -> list[Candidate]:
        assert device == "auto"
        return [
            Candidate("torch a GPU", "PyTorch on the GPU", lambda bundle: Device(bundle, **gpu)),
            Candidate("torch", "PyTorch", lambda bundle: Device(bundle, **cpu)),
        ]

    def report(_, message: str) -> None:
        if messages is not None:
            messages.append(message)

    return choose_engine(bundle, "auto", "auto", report, candidates=offered)


@pytest.mark.parametrize(("slow", "taken"), [("gpu", "torch"), ("cpu", "torch a GPU")])
def test_a_gpu_is_taken_only_where_it_was_measured_to_be_faster(
    make_bundle, tmp_path, monkeypatch, slow, taken
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bundle = ModelBundle.load(make_bundle())
    speeds = {"cpu": {}, "gpu": {}, slow: {"wait_s": 1.0}}
    messages: list[str] = []
    chosen = choose_among(bundle, **speeds, messages=messages)
    assert chosen.engine.text == "Device 0, PyTorch"
    assert chosen.reason.startswith("the fastest here: PyTorch on the GPU ")
    assert "Comparing engines" in messages
    (remembered,) = json.loads((tmp_path / "cache/fusion3d/engines.json").read_text()).values()
    assert remembered == [taken, chosen.reason]
    messages.clear()
    again = choose_among(bundle, **speeds, messages=messages)
    assert (again.engine.text, again.reason) == (chosen.engine.text, chosen.reason)
    assert "Comparing engines" not in messages


def test_a_gpu_that_computes_otherwise_or_holds_too_little_is_not_taken(
    make_bundle, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bundle = ModelBundle.load(make_bundle())
    slow = {"wait_s": 0.2}
    wrong = choose_among(bundle, cpu=slow, gpu={"off": 0.5})
    assert wrong.engine.text == "Device 0.2, PyTorch"
    assert wrong.notices == ()
    (tmp_path / "fusion3d" / "engines.json").unlink()
    small = choose_among(
        bundle, cpu=slow, gpu={"error": torch.OutOfMemoryError("as CUDA raises it")}
    )
    assert small.engine.text == "Device 0.2, PyTorch"
    assert small.notices == (
        "The model does not fit into the GPU's memory, so it runs on the CPU.",
    )
    # It may fit the next time.
    assert not (tmp_path / "fusion3d" / "engines.json").exists()
    broken = choose_among(bundle, cpu=slow, gpu={"error": RuntimeError("a lost device")})
    assert broken.engine.text == "Device 0.2, PyTorch"


def test_on_a_device_that_was_asked_for_nothing_else_is_tried(make_bundle):
    bundle = ModelBundle.load(make_bundle())
    keys = [each.key for each in available_engines(bundle, "cpu")]
    assert keys == ["torch", "openvino CPU"]
    if not torch.cuda.is_available():
        assert available_engines(bundle, "cuda") == []


def test_an_engine_that_fails_is_replaced_with_a_notice(make_bundle, volume):
    bundle = ModelBundle.load(make_bundle())
    # Compiled for a grid of another size: it refuses the input, as a lost device would.
    failing = SelectedEngine(OpenVinoEngine(bundle.network, (17, 17, 17)), "as asked")
    predictor = Predictor(bundle, failing)
    result = predictor.predict(volume, {"age": 71})
    assert any("OpenVINO failed" in notice for notice in result.notices)
    assert result.device.endswith("PyTorch")
    assert predictor.device_text.endswith("PyTorch")
    reference = load_predictor(bundle.info.folder, "cpu", engine="torch")
    assert result.logit == reference.predict(volume, {"age": 71}).logit


def test_openvino_can_be_cancelled_and_runs_again_afterwards():
    made = network(width=0.25, stem_pool=False)
    # So large that no processor has done it before it is first asked whether to go on.
    engine = OpenVinoEngine(made, (129, 129, 129))
    image = np.random.default_rng(1).standard_normal((129, 129, 129)).astype(np.float32)
    expected = engine.features(image)

    def give_up(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        engine.features(image, give_up)
    np.testing.assert_array_equal(engine.features(image), expected)


def test_many_images_at_once_are_pooled_as_one_by_one_and_can_be_cancelled():
    made = network()
    images = np.random.default_rng(1).standard_normal((6, 33, 33, 33)).astype(np.float32)
    seen: list[float] = []

    def give_up(fraction: float, message: str) -> None:
        seen.append(fraction)
        if fraction > 0.7:
            raise Cancelled

    for engine in (TorchEngine(made, torch.device("cpu")), OpenVinoEngine(made, (33, 33, 33))):
        alone = [engine.features(one).mean(axis=(1, 2, 3)) for one in images]
        found = engine.pooled(images)
        np.testing.assert_allclose(found, alone, atol=1e-5 * np.max(alone))
    with pytest.raises(Cancelled):
        TorchEngine(made, torch.device("cpu")).pooled(images, give_up)
    assert seen == sorted(seen)


def test_where_memory_holds_no_batch_images_are_taken_one_by_one():
    made = network()
    images = np.random.default_rng(1).standard_normal((5, 33, 33, 33)).astype(np.float32)
    expected = TorchEngine(made, torch.device("cpu")).pooled(images)
    sizes = []

    def too_large(module: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        sizes.append(len(inputs[0]))
        if sizes[-1] > 1:
            raise torch.OutOfMemoryError("as CUDA raises it")

    hook = made.image_branch.backbone.conv1.register_forward_pre_hook(too_large)
    found = TorchEngine(made, torch.device("cpu")).pooled(images)
    hook.remove()
    assert sizes == [4, 2, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


def test_an_input_that_is_not_finite_is_a_failure_not_a_number():
    made = network()
    image = np.zeros((33, 33, 33), dtype=np.float32)
    image[5, 5, 5] = np.nan
    for engine in (TorchEngine(made, torch.device("cpu")), OpenVinoEngine(made, (33, 33, 33))):
        with pytest.raises(FloatingPointError):
            engine.features(image)


@pytest.mark.parametrize(
    ("engine", "device", "words"),
    [("tpu", "auto", "no engine"), ("openvino", "cuda", "OpenVINO"), ("torch-half", "cpu", "half")],
)
def test_an_engine_that_is_not_there_is_refused(make_bundle, engine, device, words):
    with pytest.raises(UserError, match=words):
        load_predictor(make_bundle(), device, engine=engine)


def test_using_openvino_never_loads_its_telemetry(tmp_path):
    code = (
        "import sys; from fusion3d_gui.inference.engines.openvino import import_openvino\n"
        "print(import_openvino().Core().available_devices)\n"
        "loaded = [n for n in sys.modules if n.startswith('openvino_telemetry')]\n"
        "sys.exit(any(sys.modules[name] is not None for name in loaded))"
    )
    environment = {
        "HOME": str(tmp_path),
        "PATH": "",
        "PYTHONPATH": ":".join(filter(None, sys.path)),
    }
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )
    assert not (tmp_path / "intel").exists()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_half_precision_agrees_within_what_it_states(make_bundle, volume):
    folder = make_bundle("concat", width=1.0)
    reference = load_predictor(folder, "cpu", engine="torch").predict(volume, {"age": 71})
    half = load_predictor(folder, "cuda", engine="torch-half").predict(volume, {"age": 71})
    assert "± 0.01" in half.device
    assert half.logit == pytest.approx(reference.logit, abs=1e-2)


def test_answers_on_another_thread_are_right_while_graphs_are_being_built(predicted_case):
    case, metadata = predicted_case().case, {"age": 71, "sex": "F", "diabetes": True}
    expected = case.logit(metadata)
    branch, over, wrong = network().image_branch, threading.Event(), []

    def ask() -> None:
        while not over.is_set():
            try:
                if case.logit(metadata) != expected:
                    wrong.append("another answer")
            except Exception as error:
                wrong.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(3):
            build_graph(branch, (1, 1, 33, 33, 33))
    finally:
        over.set()
        asking.join()
    assert not wrong


def test_the_head_answers_while_openvinos_graph_is_being_built(predicted_case):
    found = predicted_case()
    before = found.case.logit({"age": 50})
    building, go_on = threading.Event(), threading.Event()

    class Held(nn.BatchNorm3d):
        """Stops whoever builds a graph of it, half way through."""

        @property
        def eps(self) -> float:
            building.set()
            assert go_on.wait(60)
            return 1e-5

        @eps.setter
        def eps(self, value: float) -> None:
            pass

    made = network()
    made.image_branch.backbone.layer3[0].bn2 = Held(16)
    builder = threading.Thread(target=build_graph, args=(made.image_branch, (1, 1, 33, 33, 33)))
    builder.start()
    try:
        assert building.wait(60)
        assert found.case.logit({"age": 50}) == before
        assert builder.is_alive()
    finally:
        go_on.set()
        builder.join(60)
