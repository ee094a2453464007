"""Run the ablation: make cohorts, train models, score them. Finished parts are not repeated."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.output_file import is_unused, whole_file, write_whole_text
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.cohort.make_cohort import make_cohort
from fusion3d_gui.training.fit.recipe import Loss
from fusion3d_gui.training.measure.results import AblationJson
from fusion3d_gui.training.study.ablation_scores import SHUFFLED, score_ablation
from fusion3d_gui.training.train import train


@dataclass(frozen=True)
class _Job:
    """One model to train; with ``from_image`` its image branch starts from that of the image-only model."""

    name: str
    fusion: str
    loss: Loss
    from_image: bool = True
    shuffled: bool = False


_IMAGE = "image_only"
_JOBS = (
    _Job(_IMAGE, "image_only", "focal", from_image=False),
    _Job("concat", "concat", "focal"),
    _Job("add", "add", "focal"),
    _Job("multiply", "multiply", "focal"),
    _Job("concat-bce", "concat", "bce"),
)
#: From random weights, since those of the image-only model were trained on true labels.
_CONTROL = _Job(f"concat{SHUFFLED}", "concat", "focal", from_image=False, shuffled=True)


def ablate(
    out: Path,
    *,
    seed: int,
    train_cases: int = 2000,
    test_cases: int = 1000,
    shuffled: bool = False,
    spacing_mm: float = 3.0,
    progress: Progress = no_progress,
    **options: Any,
) -> AblationJson:
    """Make both cohorts, train every model and score them (see :func:`score_ablation`).

    Parameters
    ----------
    out
        Folder: new, empty, or that of the same ablation, which is then continued.
    seed
        Of the training cohort and of every training; the test cohort's is ``seed`` + 1.
    shuffled
        Train one more model, on labels shuffled among the training cases: its AUROC should be 0.5.
    options
        Passed on to :func:`~fusion3d_gui.training.train.train`.

    Returns
    -------
    AblationJson
        The content of ``ablation.json``.

    Raises
    ------
    UserError
        When ``out`` holds something else.
    Cancelled
        From ``progress``.
    """
    _claim(out, {"seed": seed, "train_cases": train_cases, "test_cases": test_cases})
    tables = {}
    for number, (name, cases) in enumerate((("train", train_cases), ("test", test_cases))):
        part = part_of(progress, 0.03 * number, 0.03 * (number + 1))
        tables[name] = _cohort(out / name, cases, seed + number, spacing_mm, part)
    jobs = [*_JOBS, _CONTROL] if shuffled else list(_JOBS)
    bundles: dict[str, Path] = {}
    for number, job in enumerate(jobs):
        part = part_of(progress, *(0.06 + 0.84 * n / len(jobs) for n in (number, number + 1)))
        bundles[job.name] = folder = out / "models" / job.name
        # The folder ``training`` is there until the bundle is complete.
        if (folder / "configs").is_dir() and not (folder / "training").exists():
            BundleInfo.read(folder)
            continue
        train(
            _shuffled_table(tables["train"], seed) if job.shuffled else tables["train"],
            folder,
            job.fusion,
            seed=seed,
            loss=job.loss,
            init=bundles[_IMAGE] if job.from_image else None,
            cache=out / "cache",
            progress=_named(part, job.name),
            **options,
        )
    return score_ablation(bundles, tables["train"], tables["test"], out, part_of(progress, 0.9, 1))


def _claim(out: Path, plan: dict[str, int]) -> None:
    """Mark a folder as this ablation's. Raises UserError when it holds something else."""
    mark = out / "plan.json"
    if mark.is_file():
        try:
            known = json.loads(mark.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = None
        if known != plan:
            raise UserError(
                "it holds another ablation", path=out, remedy="Name a new folder, or the same plan."
            )
        return
    if not is_unused(out):
        raise UserError("it is not an empty folder", path=out, remedy="Name a new folder.")
    out.mkdir(parents=True, exist_ok=True)
    write_whole_text(mark, json.dumps(plan, indent=2) + "\n")


def _cohort(out: Path, cases: int, seed: int, spacing_mm: float, progress: Progress) -> Path:
    table = out / "cases.csv"
    if table.is_file():
        return table
    # Renamed when complete; an interrupted cohort is made again.
    partial = out.with_name(f"{out.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    make_cohort(partial, cases, seed, spacing_mm=spacing_mm, progress=progress)
    partial.rename(out)
    return table


def _shuffled_table(table: Path, seed: int) -> Path:
    """Write the same table with permuted labels, ``shuffled.csv``, beside the table; return its path."""
    made = table.with_name("shuffled.csv")
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    order = np.random.default_rng(seed).permutation(len(rows))
    labels = [rows[n]["label"] for n in order]
    with whole_file(made) as whole, whole.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "label": label} for row, label in zip(rows, labels, strict=True))
    about = table.with_suffix(".json").read_text(encoding="utf-8")
    write_whole_text(made.with_suffix(".json"), about)
    return made


def _named(progress: Progress, name: str) -> Progress:
    return lambda fraction, message: progress(fraction, f"{name}: {message}")
