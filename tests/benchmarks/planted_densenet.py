"""A MONAI DenseNet121 trained on planted lesions, made a bundle by the commands: its numbers and where its maps point.

``python tests/benchmarks/planted_densenet.py [OUT] [--steps 160]`` (expect a few minutes on one core). The lesion is a dark ball in
a textured head; bright balls of the same size are planted in cases of both labels, so that brightness says nothing. The
network is trained in plain PyTorch, saved as a state dict, and known to Fusion3D by that file only. Exits with 1 unless every
held-back case gets the logit of plain PyTorch within 1e-5 and the chosen map peaks in the lesion of nine in ten.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.networks.nets import DenseNet121
from scipy.ndimage import gaussian_filter

from fusion3d_gui.cli.parser import run
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.preprocessing import Preprocessing

SIZE, SPACING_MM = 33, 5.0
_RADIUS_MM = 14.0
_BATCH = 8
#: Less dark than the others are bright: after standardisation the darkest thing is not the most conspicuous one.
_BRIGHT, _DARK = 60.0, 42.0
#: A quarter of the usual channels, which makes a step five times as fast.
_OPTIONS = {"init_features": 16, "growth_rate": 8, "bn_size": 2}
_MOST_APART, _FEWEST_POINTING = 1e-5, 0.9


def planted_cases(folder: Path, count: int, seed: int) -> Path:
    """Write scans and masks, half of them with a lesion, and their table, whose path is returned."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    affine = np.diag([SPACING_MM] * 3 + [1.0])
    index = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij"), -1)
    head = (((index - SIZE // 2) / (SIZE * 0.46)) ** 2).sum(-1) < 1
    rows = ["case,path,mask,label"]
    for number in range(count):
        texture = gaussian_filter(rng.normal(size=head.shape), 1.5)
        voxels = 100 + 12 * texture / texture.std() + rng.normal(0, 4, head.shape)
        lesion = np.zeros(head.shape, bool)
        places: list[np.ndarray] = []
        for kind in (*["bright"] * 7, "dark"):
            place = _place(rng, places)
            places.append(place)
            ball = ((index - place) ** 2).sum(-1) * SPACING_MM**2 < _RADIUS_MM**2
            if kind == "dark" and number % 2 == 0:
                continue
            voxels[ball] += _BRIGHT if kind == "bright" else -_DARK
            lesion = ball if kind == "dark" else lesion
        voxels = np.where(head, voxels, 0).astype(np.float32)
        nib.save(nib.Nifti1Image(voxels, affine), folder / f"{number}.nii")
        mask = ""
        if lesion.any():
            mask = f"{number}-mask.nii"
            nib.save(nib.Nifti1Image(lesion.astype(np.uint8), affine), folder / mask)
        rows.append(f"{number},{number}.nii,{mask},{number % 2}")
    table = folder / "cases.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


def _place(rng: np.random.Generator, others: list[np.ndarray]) -> np.ndarray:
    """A voxel well inside the head, clear of the others."""
    while True:
        place = rng.integers(0, SIZE, 3)
        inside = np.linalg.norm(place - SIZE // 2) * SPACING_MM < SIZE * SPACING_MM * 0.46 - 20
        apart = [np.linalg.norm(place - other) * SPACING_MM > 2.2 * _RADIUS_MM for other in others]
        if inside and all(apart):
            return place


def trained(network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, steps: int):
    """The network after so many steps of Adam, in eval mode."""
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    draw = torch.Generator().manual_seed(0)
    network.train()
    for step in range(steps):
        chosen = torch.randint(len(images), (_BATCH,), generator=draw)
        batch = images[chosen]
        for axis in (2, 3, 4):
            if torch.rand((), generator=draw) < 0.5:
                batch = batch.flip(axis)
        loss = torch.nn.functional.cross_entropy(network(batch), labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 10 == 9:
            print(f"step {step + 1}: loss {float(loss.detach()):.3f}", flush=True)
    return network.eval()


def command(*arguments: object) -> None:
    """A command of Fusion3D, which must succeed."""
    print("fusion3d", *arguments, flush=True)
    if run([str(each) for each in arguments]) != 0:
        sys.exit("the command failed")


def main() -> int:
    """Returns 0 where numbers and maps are right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--steps", type=int, default=160)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        return _judged(options.out or Path(text), options.steps)


def _judged(out: Path, steps: int) -> int:
    train, tuning, test = (
        planted_cases(out / name, count, seed)
        for name, count, seed in (("train", 128, 1), ("tuning", 40, 2), ("test", 40, 3))
    )
    torch.manual_seed(0)
    network = DenseNet121(spatial_dims=3, in_channels=1, out_channels=2, **_OPTIONS)
    weights, model = out / "densenet.pt", out / "densenet"
    make = ("bundle", "make", weights, "--network", "densenet121", "--out", model)
    options_given = [f"--option={name}={value}" for name, value in _OPTIONS.items()]
    grid = (f"--grid={SIZE},{SIZE},{SIZE}", f"--spacing={SPACING_MM:g}")
    preprocessing = Preprocessing((SIZE,) * 3, SPACING_MM)

    def inputs(table: Path) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
        found = [preprocessing.apply(open_volume(table.parent / row[1])).voxels for row in rows]
        return torch.from_numpy(np.stack(found))[:, None], torch.tensor([int(r[3]) for r in rows])

    started = time.perf_counter()
    trained(network, *inputs(train), steps)
    print(f"trained in {time.perf_counter() - started:.0f} s")
    torch.save(network.state_dict(), weights)
    command(*make, *grid, *options_given, "--classes=no lesion,lesion")
    command("bundle", "calibrate", model, tuning)
    command("displacement", model, tuning, "--record", "--json", out / "displacement.json")
    command("evaluate", model, test, "--record", "--json", out / "evaluation.json")
    images, _ = inputs(test)
    with torch.inference_mode():
        expected = np.diff(network(images).numpy(), axis=1)[:, 0]
    return _report(out, model, expected)


def _report(out: Path, model: Path, expected: np.ndarray) -> int:
    predictor = load_predictor(model, "cpu", engine="torch")
    explanation = Explanation.for_model(predictor.info)
    apart, inside, hits = [], 0, 0
    for number, logit in enumerate(expected):
        volume = open_volume(out / "test" / f"{number}.nii")
        found = predict_and_explain(predictor, volume, {}, explanation).prediction
        apart.append(abs(found.logit - logit))
        if number % 2 == 0 or found.probability < predictor.info.decision.threshold:
            continue
        hits += 1
        mask = open_volume(out / "test" / f"{number}-mask.nii")
        heatmap = found.heatmap
        peak = np.unravel_index(np.argmax(heatmap.values), heatmap.values.shape)
        place = heatmap.affine @ [*peak[::-1], 1.0]
        voxel = np.rint(np.linalg.solve(mask.affine, place))[:3].astype(int)[::-1]
        within = all(0 <= n < size for n, size in zip(voxel, mask.shape, strict=True))
        inside += bool(within and mask.real()[tuple(voxel)] > 0)
    evaluation = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    print(f"AUROC            {evaluation['figures']['auroc']['value']:.3f}")
    print(f"logit            {max(apart):.1e} from plain PyTorch at most, {len(apart)} cases")
    print(
        f"chosen map       {heatmap.method}, peak in the lesion in {inside} of {hits} true positives"
    )
    right = max(apart) <= _MOST_APART and hits > 0 and inside >= _FEWEST_POINTING * hits
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
