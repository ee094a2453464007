"""What symmetric kernels and mirrored batches cost where the label depends on the lesion's side.

    fusion3d cohort TRAIN --cases 900 --seed 201 --scene simple --lesion-rate 0.99
    fusion3d cohort TEST  --cases 500 --seed 202 --scene simple --lesion-rate 0.99
    python tests/benchmarks/side_of_lesion.py DETECTOR TRAIN/cases.csv TEST/cases.csv OUT [--coarse-epochs 6]

It takes the cases with a lesion more than 5 mm from the middle; the label is 1 where it lies on the patient's left.
Each recipe is fine-tuned from the bundle DETECTOR with the same seed, and its AUROC measured on TEST, beside what
the model's card says of left and right. Symmetric kernels with global pooling can't tell left from right; this says by how much the
soft symmetry of ``--kernel-symmetry`` is one.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import replace
from pathlib import Path

from fusion3d_gui.state.prediction.model_facts import sides_text
from fusion3d_gui.training.evaluate import evaluate
from fusion3d_gui.training.fit.recipe import default_recipe
from fusion3d_gui.training.train import train

#: Name, mirrored batches, kernel symmetry.
RECIPES = (
    ("plain", False, 0.0),
    ("mirrored", True, 0.0),
    ("symmetric-0.005", False, 0.005),
    ("symmetric-0.02", False, 0.02),
)


def side_table(cohort: Path, out: Path) -> Path:
    """Write the cases with a lesion on one side, labelled by it, as ``out``; return its path."""
    with cohort.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["lesion_x_lps_mm"]]
    kept = [
        {
            "case": row["case"],
            "path": str((cohort.parent / row["path"]).resolve()),
            "label": int(float(row["lesion_x_lps_mm"]) > 0),
        }
        for row in rows
        if abs(float(row["lesion_x_lps_mm"])) > 5
    ]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)
    return out


def main() -> None:
    """Train each recipe and print its AUROC and whether its card says that it can tell left from right."""
    parser = argparse.ArgumentParser()
    for name in ("detector", "train", "test", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--coarse-epochs", type=int, default=6)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tables = [
        side_table(cohort, options.out / f"{name}.csv")
        for name, cohort in (("training", options.train), ("test", options.test))
    ]
    for name, mirrored, symmetry in RECIPES:
        recipe = replace(
            default_recipe(from_bundle=True),
            coarse_epochs=options.coarse_epochs,
            epochs=1,
            mirrored=mirrored,
            kernel_symmetry=symmetry,
        )
        bundle = options.out / name
        info = train(
            tables[0],
            bundle,
            "image_only",
            init=options.detector,
            recipe=recipe,
            cache=options.out / "cache",
        )
        area = evaluate(bundle, tables[1])["figures"]["auroc"]
        said = "" if info is None else sides_text(info)
        print(
            f"{name:<16} AUROC {area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f}). {said}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
