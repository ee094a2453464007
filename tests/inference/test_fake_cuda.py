"""The paths of CUDA without a GPU: where tensors lie, their types and layout, memory that is too small, several devices.

Two stand-ins of PyTorch's own making. *Fake tensors* have a device, a type and a layout, but no values: an operation on
tensors of two devices fails as on a GPU. Where values matter, calls that move something to CUDA leave it on the CPU.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.engines.available import available_engines
from fusion3d_gui.inference.engines.protocol import TorchEngine
from fusion3d_gui.inference.explain.checked_map import CamOfStages, InputGradient
from fusion3d_gui.inference.explain.explanation import INPUT_METHODS, Explanation
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle import ModelBundle

VALUES = {"age": 71, "sex": "F", "diabetes": True}
OUT_OF_MEMORY = "The GPU ran out of memory, so the computation was done by PyTorch on the CPU."


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    """PyTorch as on a machine with two GPUs."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    names = ("Fake GPU A", "Fake GPU B")

    def named(device: torch.device | int) -> str:
        return names[device if isinstance(device, int) else device.index or 0]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", named)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch._C, "_cuda_getDriverVersion", lambda: 13000, raising=False)


@pytest.fixture
def fake(two_gpus, monkeypatch):
    """Tensors without values; one that is read must have come back to the CPU."""

    def read(tensor: FakeTensor) -> np.ndarray:
        assert tensor.device.type == "cpu"
        return np.zeros(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))

    monkeypatch.setattr(FakeTensor, "numpy", read)
    monkeypatch.setattr(FakeTensorMode, "avoid_device_init", True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


@pytest.fixture
def passed(make_bundle):
    """A bundle whose network's blocks note the device and type of what leaves them."""
    bundle = ModelBundle.load(make_bundle("concat"))
    seen: set[tuple[str, torch.dtype]] = set()
    for block in bundle.network.image_branch.backbone.blocks:
        block.register_forward_hook(
            lambda module, given, found: seen.add((str(found.device), found.dtype))
        )
    return bundle, seen


@pytest.mark.parametrize("name", ["cuda:0", "cuda:1"])
@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_everything_of_an_engine_lies_on_its_gpu_in_its_type_and_layout(passed, fake, name, half):
    bundle, seen = passed
    shape, channels = bundle.info.preprocessing.shape_kji, bundle.network.config.feature_channels
    engine = TorchEngine(bundle.network, torch.device(name), half=half)
    assert engine.text.startswith(f"GPU {name[-1]}, Fake GPU {'AB'[int(name[-1])]}, PyTorch")
    assert {str(each.device) for each in bundle.network.parameters()} == {name}
    kernels = [each for each in bundle.network.parameters() if each.dim() == 5]
    assert all(each.is_contiguous(memory_format=torch.channels_last_3d) for each in kernels)
    maps = engine.features(np.zeros(shape, np.float32))
    assert maps.dtype == np.float32
    assert maps.shape[0] == channels
    assert engine.pooled(np.zeros((17, *shape), np.float32)).shape == (17, channels)
    assert seen == {(name, torch.float16 if half else torch.float32)}


def test_a_network_that_was_left_on_the_cpu_is_noticed_by_fake_tensors(passed, fake):
    bundle, _ = passed
    engine = TorchEngine(bundle.network, torch.device("cuda:0"))
    engine.device = torch.device("cpu")
    with pytest.raises(Exception, match="two devices, cpu and cuda:0"):
        engine.features(np.zeros(bundle.info.preprocessing.shape_kji, np.float32))


class CudaOnCpu(TorchFunctionMode):
    """Computes on the CPU what is asked of CUDA, and refuses what a GPU would: operands on two devices.

    Each tensor is marked with the device that it was moved to; a result has the mark of its operands.

    Parameters
    ----------
    memory
        How many tensors the GPU holds; None: any number.
    """

    def __init__(self, memory: int | None = None) -> None:
        super().__init__()
        self.used: set[str] = set()
        self._left = memory

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        operands = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        marks = {_mark(each) for each in operands if each.dim() > 0 or _mark(each) != "cpu"}
        asked = [found for each in tree_leaves((args, kwargs)) if (found := _device(each))]
        moves = func in (torch._has_compatible_shallow_copy_type, torch.Tensor.data.__set__)
        if not asked and not moves and len(marks) > 1:
            raise RuntimeError(f"{func.__name__}: operands on {', '.join(sorted(marks))}")
        if func is torch.Tensor.numpy and marks - {"cpu"}:
            raise TypeError("a tensor on a GPU has no array")
        if any(each.type == "cuda" for each in asked) and self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise torch.OutOfMemoryError("CUDA out of memory, as the allocator raises it")
        args, kwargs = tree_map(_on_cpu, (args, kwargs))
        found = func(*args, **kwargs)
        if func == torch.Tensor.data.__set__:
            args[0].lies_on = _mark(args[1])
            return found
        if func is torch.Tensor.cpu:
            asked = [torch.device("cpu")]
        mark = str(asked[0]) if asked else next(iter(marks - {"cpu"}), "cpu")
        if mark.startswith("cuda"):
            self.used.add(mark)
        return tree_map(lambda each: _marked(each, mark), found)


def _device(given) -> torch.device | None:
    if isinstance(given, torch.device):
        return given
    return torch.device(given) if isinstance(given, str) and given.startswith("cuda") else None


def _on_cpu(given):
    found = _device(given)
    return torch.device("cpu") if found is not None and found.type == "cuda" else given


def _mark(tensor: torch.Tensor) -> str:
    return getattr(tensor, "lies_on", "cpu")


def _marked(found, mark: str):
    if isinstance(found, torch.device) and mark != "cpu":
        return torch.device(mark)
    if isinstance(found, torch.Tensor) and mark != _mark(found):
        found = found if _mark(found) == "cpu" and mark != "cpu" else found.detach().clone()
        found.lies_on = mark
    return found


@pytest.fixture
def reference(make_bundle, volume):
    """The bundle's folder, and what PyTorch says on the CPU."""
    folder = make_bundle("concat")
    return folder, load_predictor(folder, "cpu", engine="torch").predict(volume, VALUES)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:1"])
def test_a_gpu_of_two_is_chosen_by_its_name(two_gpus, reference, volume, name):
    folder, expected = reference
    with CudaOnCpu() as gpu:
        found = load_predictor(folder, name, engine="torch").predict(volume, VALUES)
    assert gpu.used == {name}
    assert "Fake GPU B" in found.device if name == "cuda:1" else "Fake GPU A" in found.device
    assert found.notices == expected.notices
    assert found.device.startswith("GPU")
    assert found.logit == pytest.approx(expected.logit, abs=1e-5)
    bundle = ModelBundle.load(folder)
    assert [each.key for each in available_engines(bundle, name)] == [
        f"torch Fake GPU {'B' if name == 'cuda:1' else 'A'}"
    ]


def test_a_gpu_that_is_not_there_is_one_sentence(two_gpus, make_bundle, tmp_path, capsys):
    with pytest.raises(
        UserError, match=r"no GPU cuda:2: there are 2\. Use --device cuda:0 to cuda:1"
    ):
        load_predictor(make_bundle(), "cuda:2", engine="torch")
    with pytest.raises(UserError, match="offers no gpu device"):
        load_predictor(make_bundle(), "gpu", engine="torch")
    assert run(["predict", str(tmp_path), "--model", "m", "--device", "cuda:x"]) == 2
    assert "cuda:x is not auto, cpu, cuda, cuda:N or mps" in capsys.readouterr().err


#: Integrated gradients take the same way as SmoothGrad, and many passes more.
EXPLANATIONS = [
    Explanation(),
    Explanation("layercam", (3,)),
    *(Explanation(method, ()) for method in INPUT_METHODS if method != "integrated-gradients"),
]


@pytest.mark.parametrize("explanation", EXPLANATIONS, ids=lambda each: each.method)
def test_a_gpu_explains_as_the_cpu_does(two_gpus, reference, volume, explanation):
    folder, _ = reference
    on_cpu = load_predictor(folder, "cpu", engine="torch")
    expected = predict_and_explain(on_cpu, volume, VALUES, explanation).prediction.heatmap
    with CudaOnCpu() as gpu:
        on_gpu = load_predictor(folder, "cuda:1", engine="torch")
        gpu.used.clear()
        found = predict_and_explain(on_gpu, volume, VALUES, explanation).prediction.heatmap
    assert gpu.used == {"cuda:1"}
    np.testing.assert_allclose(found.values, expected.values, atol=1e-4 * expected.peak)
    # What a GPU refuses makes PyTorch on the CPU take over: it must not have.
    assert on_gpu.device_text.startswith("GPU 1, Fake GPU B")


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_where_a_gpus_memory_runs_out_while_it_predicts_the_cpu_takes_over_and_says_so(
    two_gpus, reference, volume, after
):
    """In a layer of the network, at the first, second, third or fourth stage."""
    folder, expected = reference
    with CudaOnCpu():
        predictor = load_predictor(folder, "cuda", engine="torch")
        stage = predictor.network.image_branch.backbone.stages[after]
        full = True

        def allocate(module, given) -> None:
            nonlocal full
            if full:
                full = False
                raise torch.OutOfMemoryError("CUDA out of memory, as the allocator raises it")

        list(stage.module.modules())[-1].register_forward_pre_hook(allocate)
        found = predictor.predict(volume, VALUES)
    assert not full
    assert OUT_OF_MEMORY in found.notices
    assert found.device.startswith("CPU")
    assert found.logit == expected.logit
    assert predictor.engine_reason == OUT_OF_MEMORY


def test_a_model_that_does_not_fit_into_a_gpu_runs_on_the_cpu_and_says_so(
    two_gpus, reference, volume, tmp_path
):
    folder, expected = reference
    for engine in ("torch", "auto"):
        with CudaOnCpu(memory=20):
            found = load_predictor(folder, "cuda" if engine == "torch" else "auto", engine=engine)
            said = found.predict(volume, VALUES)
        assert said.device.startswith("CPU")
        assert (
            "The model does not fit into the GPU's memory, so it runs on the CPU." in said.notices
        )
        assert said.logit == pytest.approx(expected.logit, abs=1e-4)
    # It may fit the next time: nothing is remembered.
    assert not (tmp_path / "cache" / "fusion3d" / "engines.json").exists()


def test_among_the_engines_of_a_machine_a_gpu_is_measured_too(
    two_gpus, reference, volume, tmp_path
):
    folder, expected = reference
    with CudaOnCpu() as gpu:
        predictor = load_predictor(folder)
        found = predictor.predict(volume, VALUES)
    assert gpu.used == {"cuda"}
    assert "PyTorch on the GPU " in predictor.engine_reason
    assert found.logit == pytest.approx(expected.logit, abs=1e-4)
    cache = json.loads((tmp_path / "cache" / "fusion3d" / "engines.json").read_text())
    assert len(cache) == 1


@pytest.mark.parametrize("kind", ["gradcam", "input-gradient"])
def test_the_checks_of_a_map_compute_on_the_networks_gpu(two_gpus, reference, volume, kind):
    folder, _ = reference
    found = []
    for device in ("cpu", "cuda:1"):
        with CudaOnCpu() as gpu:
            predictor = load_predictor(folder, device, engine="torch")
            voxels = predictor.info.preprocessing.apply(volume).voxels
            code = torch.from_numpy(predictor.info.schema.encode(VALUES))[None]
            everywhere = np.ones(voxels.shape, bool)
            gpu.used.clear()
            if kind == "gradcam":
                checked = CamOfStages(code, "raised", everywhere, "gradcam", (3,))
            else:
                checked = InputGradient(code, "raised", everywhere, 3.0)
            found.append(checked.evidence(predictor.network, voxels))
    assert gpu.used == {"cuda:1"}
    np.testing.assert_allclose(found[1], found[0], atol=1e-4 * found[0].max())


def test_half_precision_is_asked_of_a_gpu_and_stated(two_gpus, reference, volume):
    folder, _ = reference
    with CudaOnCpu() as gpu:
        predictor = load_predictor(folder, "cuda:1", engine="torch-half")
    assert gpu.used == {"cuda:1"}
    assert predictor.device_text == ("GPU 1, Fake GPU B, PyTorch in half precision (logit ± 0.01)")
