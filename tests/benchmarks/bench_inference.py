"""Time of prediction and explanation, against MONAI's GradCAM, Captum and PyTorch in the same run.

    OMP_NUM_THREADS=2 .venv/bin/python tests/benchmarks/bench_inference.py [--width 1] [--size 96 97]

Prints medians over a few runs, and their ratios. The forward pass is compared with this machine's own
float32 GEMM rate. The network is the published ResNet50 at the given width, with random weights. At
97³ (a multiple of the stride, plus 1, as bundles have it) the last stage has 4 × 4 × 4 cells, at 96³
3 × 3 × 3. MONAI's GradCAM is called as its documentation does, and once more without its upsampling
to the input's grid, which the window does only when it paints. Gradient × input, with its smoothing, is
compared with Captum's InputXGradient, which has none; the window shows it after the prediction.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from captum.attr import InputXGradient
from monai.visualize import GradCAM
from torch import nn

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.inference.analysis.uncertainty import dropout_interval
from fusion3d_gui.inference.analysis.what_if import curves
from fusion3d_gui.inference.case_model import CaseModel, Head
from fusion3d_gui.inference.engines.openvino import OpenVinoEngine
from fusion3d_gui.inference.engines.protocol import Engine, TorchEngine
from fusion3d_gui.model.attribution.cam import explain
from fusion3d_gui.model.attribution.input_gradient import smoothed
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import ModelInput, Preprocessing
from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.progress import Progress

SCHEMA = MetadataSchema(
    (
        Field("age", "Age", "number", mean=65, std=10, seen_minimum=40, seen_maximum=90),
        Field("score", "Score", "number", mean=20, std=5, seen_minimum=0, seen_maximum=30),
        Field("sex", "Sex", "category", choices=(("F", "Female"), ("M", "Male"))),
        Field("smoker", "Smoker", "boolean"),
    )
)
VALUES = {"age": 70.0, "score": 22.0, "sex": "F", "smoker": False}


class OfImage(nn.Module):
    """The network with fixed metadata, as MONAI's GradCAM takes it."""

    def __init__(self, network: LearnedFeatureFusion3D, code: torch.Tensor) -> None:
        super().__init__()
        self.network, self.code = network, code

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network(image, self.code)[:, None]


def median_s(work: Callable[[], object], runs: int) -> float:
    """Median seconds of a call, after one to warm up."""
    work()
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def medians_s(works: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Median seconds of each, taken by turns, so that another program's load meets all alike.

    Of each turn the first call is left out: meanwhile threads of the library before it still spin,
    and the caches hold its numbers.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            work()
            for _ in range(2):
                started = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in seconds.items()}


def slowest_cancel_s(work: Callable[[Progress], object], whole_s: float, runs: int) -> float:
    """The longest that a call goes on after being cancelled, at moments spread over its course."""
    return max(cancel_s(work, whole_s * (number + 0.5) / (runs + 1)) for number in range(runs))


def cancel_s(work: Callable[[Progress], object], after_s: float) -> float:
    """How long a call goes on after being cancelled at a moment of its course; 0 if it was done."""
    stopped_at: list[float] = []
    timer = threading.Timer(after_s, lambda: stopped_at.append(time.perf_counter()))

    def progress(fraction: float, message: str) -> None:
        if stopped_at:
            raise Cancelled

    timer.start()
    try:
        work(progress)
    except Cancelled:
        return time.perf_counter() - stopped_at[0]
    finally:
        timer.join()
    return 0.0


def flops(network: LearnedFeatureFusion3D, image: torch.Tensor) -> float:
    """Multiply-adds of all convolutions, times two."""
    counted = 0.0

    def count(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal counted
        counted += 2.0 * output[0, 0].numel() * module.weight.numel()

    hooks = [
        module.register_forward_hook(count)
        for module in network.image_branch.modules()
        if isinstance(module, nn.Conv3d)
    ]
    with torch.inference_mode():
        network.image_branch.features(image)
    for hook in hooks:
        hook.remove()
    return counted


def main() -> None:
    """Both sizes, one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int, nargs="+", default=[96, 97])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    for size in options.size:
        measure(options.width, (size,) * 3, options.runs)


def measure(width: float, shape: tuple[int, int, int], runs: int) -> None:
    """Print one size's figures."""
    torch.manual_seed(0)
    config = NetworkConfig("concat", metadata_width=SCHEMA.width, width=width)
    network = LearnedFeatureFusion3D(config).eval()
    voxels = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    image, code = (
        torch.from_numpy(voxels)[None, None],
        torch.from_numpy(SCHEMA.encode(VALUES))[None],
    )

    # As its user has it: a network whose weights want gradients. Ours has a copy that wants none.
    monai = GradCAM(OfImage(network, code).eval(), "network.image_branch.backbone.layer4")
    theirs = monai.compute_map(image, class_idx=0)[0, 0].detach().numpy()
    with torch.inference_mode():
        logit = float(network(image, code))
    own = copy.deepcopy(network).requires_grad_(False)
    for module in own.modules():
        module._forward_hooks.clear()  # MONAI's, which were copied too
        module._backward_hooks.clear()
    # Not through a folder: a bundle takes no grid on which its cells would not lie evenly.
    info = BundleInfo(
        Path(),
        {"name": "bench", "version": "1"},
        config,
        Preprocessing(shape, 2.0),
        SCHEMA,
        Decision(("no", "yes")),
    )
    head = Head(ModelBundle(info, own, ""))
    given = ModelInput(voxels, np.eye(4), ())
    engines: dict[str, Engine] = {
        "PyTorch": TorchEngine(own, torch.device("cpu")),
        "OpenVINO": OpenVinoEngine(own, shape),
    }

    if torch.cuda.is_available():
        gpu = torch.device("cuda")
        engines["CUDA"] = TorchEngine(copy.deepcopy(own), gpu)
        engines["CUDA, half"] = TorchEngine(copy.deepcopy(own), gpu, half=True)

    def predict_and_explain(engine: Engine) -> CaseModel:
        case = CaseModel(head, given, engine.features(voxels))
        case.logit(VALUES)
        case.heatmap(VALUES)
        return case

    def gradient_map(engine: Engine) -> np.ndarray:
        signed = engine.input_gradient(voxels, case.pooled_gradient(VALUES))
        return smoothed(torch.from_numpy(signed)[None], info.preprocessing.spacing_mm)[0].numpy()

    captum = InputXGradient(network)
    leaf = image.clone().requires_grad_(True)
    attributed = captum.attribute(leaf, additional_forward_args=(code,))[0].detach()
    exact = smoothed(attributed, info.preprocessing.spacing_mm)[0].numpy()

    works: dict[str, Callable[[], object]] = {
        "MONAI GradCAM": lambda: monai(x=image, class_idx=0),
        "without upsampling": lambda: monai.compute_map(image, class_idx=0),
        "Captum InputXGradient": lambda: captum.attribute(leaf, additional_forward_args=(code,)),
    }
    if torch.cuda.is_available():
        there = GradCAM(
            OfImage(copy.deepcopy(network), code.to(gpu)).eval().to(gpu),
            "network.image_branch.backbone.layer4",
        )
        works["MONAI GradCAM on CUDA"] = lambda: there(x=image.to(gpu), class_idx=0).cpu()
    for name, engine in engines.items():
        case = predict_and_explain(engine)
        gap = np.abs(case.heatmap(VALUES).values - theirs).max() / max(theirs.max(), 1e-30)
        print(f"map by {name} against MONAI's: largest difference {gap:.1e} of the peak")
        off = abs(case.logit(VALUES) - logit)
        print(f"logit by {name} against float32 PyTorch's {logit:.4f}: off by {off:.1e}")
        off = np.abs(gradient_map(engine) - exact).max() / np.abs(exact).max()
        print(
            f"gradient × input by {name} against Captum's: largest difference {off:.1e} of the peak"
        )
        works[f"gradient × input, {name}"] = partial(gradient_map, engine)
        works[f"ours on {name}"] = partial(predict_and_explain, engine)
        works[f"features by {name}"] = partial(engine.features, voxels)
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    works["float32 GEMM"] = lambda: a @ b
    results = medians_s(works, runs)
    gemm = 2 * 2048**3 / results.pop("float32 GEMM")
    t_monai, work = results["MONAI GradCAM"], flops(own, image)
    cells = " × ".join(map(str, case.feature_maps.shape[1:]))
    print(f"\nwidth {width:g}, {shape}, {cells} cells, {torch.get_num_threads()} threads")
    for name, seconds in results.items():
        peer = results.get("MONAI GradCAM on CUDA" if "CUDA" in name else "MONAI GradCAM", t_monai)
        print(f"{name:24} {seconds:8.3f} s   {peer / seconds:5.1f} × MONAI's speed")
    for name in engines:
        back, forward = results[f"gradient × input, {name}"], results[f"features by {name}"]
        ratio = results["Captum InputXGradient"] / back
        print(
            f"map by {name:17} {back / forward:5.1f} × its forward pass, {ratio:.1f} × Captum's speed"
        )
    print(f"float32 GEMM             {gemm / 1e9:8.1f} GFLOP/s")
    for name in ("PyTorch", "OpenVINO"):
        rate = work / results[f"features by {name}"]
        print(f"forward by {name:13} {rate / 1e9:8.1f} GFLOP/s  {rate / gemm:5.0%} of GEMM")
    sweep = np.repeat(SCHEMA.encode(VALUES)[None], 200, axis=0)
    sweep[:, 0] = np.linspace(-2, 2, 200)
    for name, ask in (
        ("what-if, one value", lambda: case.probability({**VALUES, "age": 50.0})),
        ("200-point sweep", lambda: case.logits(sweep)),
        ("curves of all fields", lambda: curves(case, VALUES)),
        ("dropout interval", lambda: dropout_interval(case, VALUES)),
    ):
        print(f"{name:24} {1e3 * median_s(ask, 30):8.2f} ms")
    code_of = torch.from_numpy(SCHEMA.encode(VALUES))[None]
    for name, ask, whole_s in (
        ("prediction by PyTorch", partial(engines["PyTorch"].features, voxels), "PyTorch"),
        ("prediction by OpenVINO", partial(engines["OpenVINO"].features, voxels), "OpenVINO"),
        ("LayerCAM, stage 1", partial(explain, own, image, code_of, "layercam", (1,)), "PyTorch"),
    ):
        # A map of stage 1 takes about as long back as forward.
        course = results[f"features by {whole_s}"] * (2 if "CAM" in name else 1)
        slowest = slowest_cancel_s(lambda report, a=ask: a(progress=report), course, 8)
        print(f"cancel, {name:24} {1e3 * slowest:8.0f} ms at most")
    heatmap_ms = 1e3 * median_s(
        lambda: CaseModel(head, given, case.feature_maps).heatmap(VALUES), 30
    )
    print(f"{'pooling, head and map':24} {heatmap_ms:8.2f} ms\n")


if __name__ == "__main__":
    main()
