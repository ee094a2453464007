"""A small made-up folder in the layout of the stroke data: lesions are balls, the outcome depends on them and on NIHSS."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

SHAPE, EDGE_MM = (26, 31, 23), 6.0
#: The middle of the field, RAS mm.
CENTER = np.array([0.0, -18.0, 17.5])
NAMES = ("front left", "front right", "back left", "back right")


def write_stroke_folder(folder: Path, count: int = 72, seed: int = 0) -> None:
    """Lesion maps, participants.tsv and an atlas of four territories; every third has no outcome."""
    rng = np.random.default_rng(seed)
    (folder / "lesions").mkdir(parents=True)
    affine = np.diag([-EDGE_MM, EDGE_MM, EDGE_MM, 1.0])
    affine[:3, 3] = CENTER - affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    place = index @ affine[:3, :3].T + affine[:3, 3]
    # RAS: left is negative, the front positive.
    atlas = 1 + (place[..., 0] > 0) + 2 * (place[..., 1] < CENTER[1])
    save(folder / "ArterialAtlas136.nii.gz", atlas.astype(np.int16), affine)
    lines = [f"{n}|T{n}|{name}|1" for n, name in enumerate(NAMES, start=1)]
    (folder / "ArterialAtlas136.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = ["participant_id\tsex\tage\trace\tpriorstroke\tbmi\tnihss\tgs_rankin_6isdeath"]
    for n in range(count):
        middle = CENTER + rng.uniform(-1, 1, 3) * (32, 38, 25)
        radius = rng.uniform(8, 35)
        lesion = np.linalg.norm(place - middle, axis=-1) < radius
        save(folder / "lesions" / f"sub-{n}_lesion.nii.gz", lesion.astype(np.uint8), affine)
        severity = 0.5 * radius + 4 * (middle[0] < 0) + rng.normal(0, 2)
        nihss = int(np.clip(severity, 0, 40))
        outcome = int(np.clip(severity / 3 + rng.normal(0, 0.7) - 1, 0, 6))
        rows.append(
            "\t".join(
                [
                    f"sub-{n}",
                    rng.choice(["F", "M"]),
                    "89+" if n % 9 == 0 else f"{rng.integers(30, 88)}.0",
                    rng.choice(["w", "b", "n/a"]),
                    f"{rng.integers(0, 2)}.0",
                    "n/a" if n % 7 == 0 else f"{rng.uniform(18, 40):.1f}",
                    f"{nihss}.0",
                    "n/a" if n % 3 == 0 else f"{outcome}.0",
                ]
            )
        )
    (folder / "participants.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def save(path: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
