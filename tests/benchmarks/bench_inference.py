"""Predicting and explaining: this against MONAI's GradCAM and eager PyTorch, in one run.

    OMP_NUM_THREADS=2 .venv/bin/python tests/benchmarks/bench_inference.py [--width 1] [--size 97]

Medians over a few runs, and ratios of them. The forward pass is held against this machine's own
float32 GEMM rate. The network is the published ResNet50 at the given width, with random weights.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from monai.visualize import GradCAM
from torch import nn

from fusion3d_gui.inference.case_model import CaseModel, Head
from fusion3d_gui.inference.doubt import dropout_interval
from fusion3d_gui.inference.engine import TorchEngine
from fusion3d_gui.inference.openvino_engine import OpenVinoEngine
from fusion3d_gui.inference.what_if import curves
from fusion3d_gui.model.bundle import ModelBundle, save_bundle
from fusion3d_gui.model.bundle_info import Decision
from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import ModelInput, Preprocessing
from fusion3d_gui.model.schema import Field, MetadataSchema

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
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=97)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.manual_seed(0)
    config = NetworkConfig("concat", metadata_width=SCHEMA.width, width=options.width)
    network = LearnedFeatureFusion3D(config).eval()
    shape = (options.size,) * 3
    voxels = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    image, code = (
        torch.from_numpy(voxels)[None, None],
        torch.from_numpy(SCHEMA.encode(VALUES))[None],
    )
    runs = options.runs

    monai = GradCAM(OfImage(network, code), "network.image_branch.backbone.layer4")
    t_monai = median_s(lambda: monai.compute_map(image, class_idx=0), runs)
    theirs = monai.compute_map(image, class_idx=0)[0, 0].detach().numpy()
    network.requires_grad_(False)

    with TemporaryDirectory() as folder:
        save_bundle(
            Path(folder),
            network,
            metadata={"name": "bench", "version": "1"},
            preprocessing=Preprocessing(shape, 2.0),
            schema=SCHEMA,
            decision=Decision(("no", "yes")),
            card="",
        )
        bundle = ModelBundle.load(Path(folder))
    head = Head(bundle)
    given = ModelInput(voxels, np.eye(4), ())
    results: dict[str, float] = {"MONAI GradCAM": t_monai}
    for name, engine in (
        ("PyTorch", TorchEngine(bundle.network, torch.device("cpu"))),
        ("OpenVINO", OpenVinoEngine(bundle.network, shape)),
    ):

        def predict_and_explain(engine: TorchEngine | OpenVinoEngine = engine) -> CaseModel:
            case = CaseModel(head, given, engine.features(voxels))
            case.heatmap(VALUES)
            return case

        results[f"ours on {name}"] = median_s(predict_and_explain, runs)
        case = predict_and_explain()
        ours = case.heatmap(VALUES).values
        results[f"features by {name}"] = median_s(lambda e=engine: e.features(voxels), runs)
        gap = np.abs(ours - theirs).max() / max(theirs.max(), 1e-30)
        print(f"map by {name} against MONAI's: largest difference {gap:.1e} of the peak")

    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    gemm = 2 * 2048**3 / median_s(lambda: a @ b, runs)
    work = flops(bundle.network, image)
    print(f"\nwidth {options.width:g}, {shape}, {torch.get_num_threads()} threads")
    for name, seconds in results.items():
        print(f"{name:24} {seconds:8.3f} s   {t_monai / seconds:5.1f} × MONAI's speed")
    print(f"float32 GEMM             {gemm / 1e9:8.1f} GFLOP/s")
    for name in ("PyTorch", "OpenVINO"):
        rate = work / results[f"features by {name}"]
        print(f"forward by {name:13} {rate / 1e9:8.1f} GFLOP/s  {rate / gemm:5.0%} of GEMM")
    own = SCHEMA.encode(VALUES)
    sweep = np.repeat(own[None], 200, axis=0)
    sweep[:, 0] = np.linspace(-2, 2, 200)
    for name, ask in (
        ("what-if, one value", lambda: case.probability({**VALUES, "age": 50.0})),
        ("200-point sweep", lambda: case.logits(sweep)),
        ("curves of all fields", lambda: curves(case, VALUES)),
        ("dropout interval", lambda: dropout_interval(case, VALUES)),
    ):
        print(f"{name:24} {1e3 * median_s(ask, 30):8.2f} ms")


if __name__ == "__main__":
    main()
