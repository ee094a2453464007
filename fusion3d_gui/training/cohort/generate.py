"""The semi-synthetic cohort: real anatomy, simulated people, and a label of known probability.

Generative model of case n of a cohort with seed S. Every draw comes from a random stream that is seeded
by (S, n) and its purpose only, so that a case does not depend on the cohort's size, the number of
processes, or the resolution at which it is made.

1. A person: age, sex, MMSE, hypertension, lesion or not
   (:class:`~fusion3d_gui.training.cohort.population.Person`).
2. The true probability of the label, logistic in the lesion, the metadata and their product, and the
   label, a Bernoulli draw with it (:class:`~fusion3d_gui.training.cohort.population.OutcomeModel`).
3. A brain: the MNI152 T1 template under an affine and an elastic deformation
   (:class:`~fusion3d_gui.training.cohort.anatomy.Anatomy`).
4. The lesion, if any, and distractors, on which the label does not depend. There are two kinds of scene:

   ``varied``
       Lesions as medicine knows them (irregular, uneven, with rims and oedema, several at once, 4 to
       25 mm wide) among vessels, calcified spots, dural patches and rings that are brighter; ventricles,
       cortex and the contrast of tissues vary (:mod:`~fusion3d_gui.training.cohort.varied`).
   ``simple``
       One bright blob of radius 9 to 15 mm centred in deep white matter and, in three people of ten, a ring
       of the same size, site and brightness with a dark core
       (:class:`~fusion3d_gui.training.cohort.lesion.Lesion`). The lesion is the brightest thing in the scan, so
       that pointing at it says nothing of an explanation. It was the cohort of the first demo models.
   ``mixed``
       Every third case is simple, the others are varied: what the demo models are trained on.
5. A scan: contrast, intensity inhomogeneity, noise, brain mask
   (:class:`~fusion3d_gui.training.cohort.anatomy.Acquisition`), in int16.
6. The row of the table: metadata with gaps.

Beside the label the table holds its probability given all, the image alone and the metadata alone
(:class:`~fusion3d_gui.training.cohort.population.Truth`), so that the highest AUC that can be reached from
each on these very cases is known. With the defaults they are expected at about 0.94, 0.84 and 0.78;
``cases.json``, beside the table, holds them (over 20,000 people) and the cohort's coefficients.
"""

from __future__ import annotations

import csv
import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.simulated import SIMULATED_ATTRIBUTES
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.schema import Value
from fusion3d_gui.output_file import whole_file, write_whole_text
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.cohort.anatomy import Acquisition, Anatomy
from fusion3d_gui.training.cohort.lesion import Lesion
from fusion3d_gui.training.cohort.population import (
    CLASS_NAMES,
    COHORT_SCOPE,
    DESCRIPTION,
    TASK,
    OutcomeModel,
    Person,
    Truth,
    auc_ceilings,
    cohort_schema,
    recorded_values,
)
from fusion3d_gui.training.cohort.varied import (
    BrightStructure,
    EnhancingLesion,
    draw_distractors,
    draw_lesions,
)

SceneKind = Literal["varied", "simple", "mixed"]
SCENE_KINDS: tuple[SceneKind, ...] = get_args(SceneKind)

#: Field of view, right-left, anterior-posterior, inferior-superior.
FIELD_OF_VIEW_MM = (176.0, 208.0, 176.0)

DEFAULT_OUTCOME = OutcomeModel()

#: Below this many cases, starting processes costs more than it saves.
_CASES_WORTH_PROCESSES = 8


@dataclass(frozen=True, eq=False)
class SimulatedRecord:
    """All of a simulated case but its scan.

    ``values`` is what the table says of the metadata (None where missing), ``truth`` what could be
    known of the label (arrays of length 1).
    """

    person: Person
    values: dict[str, Value]
    truth: Truth
    label: int


@dataclass(frozen=True, eq=False)
class SimulatedCase(SimulatedRecord):
    """One simulated person with a scan.

    ``lesion_mask`` is a bool array [k, j, i] on the voxels of ``volume``, of all lesions together, or None
    without any; ``lesions`` begins with the largest.
    """

    name: str
    volume: Volume
    lesion_mask: np.ndarray | None
    lesions: tuple[Lesion | EnhancingLesion, ...]
    distractors: tuple[Lesion | BrightStructure, ...]


def draw_record(number: int, seed: int, model: OutcomeModel) -> SimulatedRecord:
    """Draw person, label and metadata of case ``number`` of the cohort ``seed``; makes no scan."""
    streams = _streams(number, seed)
    person = Person.draw(streams.person, model.lesion_rate)
    truth = model.truth([person])
    return SimulatedRecord(
        person=person,
        values=dict(recorded_values(person, streams.gaps)),
        truth=truth,
        label=int(streams.label.random() < truth.probability[0]),
    )


class _Scene(NamedTuple):
    """What lies in a scan before it is made."""

    anatomy: Anatomy
    acquisition: Acquisition
    lesions: tuple[Lesion | EnhancingLesion, ...]
    distractors: tuple[Lesion | BrightStructure, ...]


def _simple_scene(streams: _Streams, has_lesion: bool, model: OutcomeModel) -> _Scene:
    anatomy, acquisition = Anatomy.draw(streams.anatomy), Acquisition.draw(streams.scanner)
    lesion = Lesion.draw(streams.lesion, anatomy) if has_lesion else None
    distractors: tuple[Lesion, ...] = ()
    if streams.has_distractor.random() < model.distractor_rate:
        ring = Lesion.draw(streams.distractor, anatomy, ring=True, apart_from=lesion)
        distractors = (ring,)
    return _Scene(anatomy, acquisition, () if lesion is None else (lesion,), distractors)


def _varied_scene(streams: _Streams, has_lesion: bool, model: OutcomeModel) -> _Scene:
    anatomy = Anatomy.draw_varied(streams.anatomy)
    acquisition = Acquisition.draw_varied(streams.scanner)
    lesions = draw_lesions(streams.lesion, anatomy) if has_lesion else ()
    distractors = draw_distractors(streams.distractor, anatomy, model.distractor_rate, lesions)
    return _Scene(anatomy, acquisition, lesions, distractors)


def make_case(
    number: int,
    seed: int,
    model: OutcomeModel,
    spacing_mm: tuple[float, float, float],
    kind: SceneKind = "varied",
) -> SimulatedCase:
    """Make case ``number`` of the cohort ``seed`` at a spacing (x, y, z), in memory."""
    record, streams = draw_record(number, seed, model), _streams(number, seed)
    simple = kind == "simple" or (kind == "mixed" and number % 3 == 0)
    make_scene = _simple_scene if simple else _varied_scene
    scene = make_scene(streams, record.person.lesion, model)

    counts = [round(mm / step) for mm, step in zip(FIELD_OF_VIEW_MM, spacing_mm, strict=True)]
    axes = tuple(
        step * (np.arange(n) - (n - 1) / 2) for n, step in zip(counts, spacing_mm, strict=True)
    )
    # The first two axes run to the right and to the front, so that the NIfTI header is RAS.
    x, y, z = -axes[0], -axes[1], axes[2]
    voxels = np.empty((counts[2], counts[1], counts[0]), dtype=np.int16)
    mask = np.zeros(voxels.shape, dtype=bool) if scene.lesions else None
    # Slab by slab: at 1 mm the coordinates of all voxels at once would need gigabytes.
    for start in range(0, len(z), 16):
        slab = slice(start, start + 16)
        intensity, brain = scene.anatomy.on_grid(x, y, z[slab])
        for lesion in scene.lesions:
            intensity = lesion.add_on_grid(intensity, x, y, z[slab])
            if mask is not None:
                mask[slab] |= (lesion.share_on_grid(x, y, z[slab]) > 0.5) & brain
        for distractor in scene.distractors:
            intensity = distractor.add_on_grid(intensity, x, y, z[slab])
        signal = scene.acquisition.signal(intensity, (x, y, z[slab]), streams.noise)
        voxels[slab] = np.rint(np.where(brain, signal, 0))
    affine = np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2], 1.0])
    affine[:3, 3] = [x[0], y[0], z[0]]
    name = f"case-{number:05d}"
    return SimulatedCase(
        **vars(record),
        name=name,
        volume=Volume(
            voxels=voxels,
            affine=affine,
            modality="MR",
            description=name,
            attributes=SIMULATED_ATTRIBUTES,
        ),
        lesion_mask=mask,
        lesions=scene.lesions,
        distractors=scene.distractors,
    )


class _Streams(NamedTuple):
    """A case's random numbers, one stream a purpose, so that no draw depends on another's number of draws.

    The order is that of the streams: changed, it changes every cohort.
    """

    person: np.random.Generator
    label: np.random.Generator
    anatomy: np.random.Generator
    lesion: np.random.Generator
    scanner: np.random.Generator
    noise: np.random.Generator
    gaps: np.random.Generator
    has_distractor: np.random.Generator
    distractor: np.random.Generator


def _streams(number: int, seed: int) -> _Streams:
    streams = np.random.SeedSequence(seed, spawn_key=(number,)).spawn(len(_Streams._fields))
    return _Streams(*map(np.random.default_rng, streams))


def make_cohort(
    out: Path,
    cases: int,
    seed: int,
    spacing_mm: float = 3.0,
    prevalence: float = 0.1,
    model: OutcomeModel = DEFAULT_OUTCOME,
    kind: SceneKind = "varied",
    workers: int | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Make a cohort: ``volumes/*.nii.gz``, ``masks/*.nii.gz``, ``cases.csv`` and ``cases.json``.

    The table's columns: case, path and mask (relative to the table; mask empty without a lesion),
    the metadata (empty where missing), lesion (0/1), lesion_x/y/z_lps_mm (the largest's centre), distractor
    (0/1: whether there is any),
    probability, probability_image and probability_metadata (see
    :class:`~fusion3d_gui.training.cohort.population.Truth`), label (0/1). ``cases.json`` holds the task,
    the schema and the parameters of the generative model.

    Parameters
    ----------
    out
        New or empty folder.
    spacing_mm
        Voxel size, the same along all axes.
    prevalence
        Expected share of positive labels; sets the intercept of ``model``.
    model
        Strengths of the signals, and how often lesions and rings occur.
    kind
        Of the scenes: see the module.
    workers
        Processes; by default one for each processor.

    Returns
    -------
    Path
        The path of ``cases.csv``.

    Raises
    ------
    UserError
        When ``out`` is not empty, or the number of cases, the spacing or the prevalence is out of range.
    """
    if not 1 <= cases <= 99_999:
        raise UserError(f"cases is {cases}, not 1 to 99999")
    if not 0.5 <= spacing_mm <= 8:
        raise UserError(f"spacing is {spacing_mm} mm, not 0.5 to 8")
    try:
        model = model.with_prevalence(prevalence)
    except ValueError as error:
        raise UserError(str(error)) from None
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError("it is not an empty folder", path=out, remedy="Name a new folder.")
    for name in ("volumes", "masks"):
        (out / name).mkdir(parents=True, exist_ok=True)

    jobs = [(out, number, seed, model, spacing_mm, kind) for number in range(cases)]
    processes = min(workers or os.cpu_count() or 1, cases)
    if processes == 1 or (workers is None and cases < _CASES_WORTH_PROCESSES):
        rows = _collect(map(_write_case, jobs), cases, progress)
    else:
        # Spawned, not forked: the fork of a process that runs torch's threads could hang.
        context = get_context("spawn")
        with ProcessPoolExecutor(processes, context, initializer=_use_one_thread) as pool:
            try:
                rows = _collect(pool.map(_write_case, jobs), cases, progress)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    _describe(out / "cases.json", cases, seed, spacing_mm, prevalence, model, kind, rows)
    table = out / "cases.csv"
    with whole_file(table) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table


def _use_one_thread() -> None:
    """Let NumPy use one thread: as many processes as cores, each with several, took 3 times as long."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _collect(rows: Any, cases: int, progress: Progress) -> list[dict[str, Any]]:
    collected = []
    for row in rows:
        collected.append(row)
        progress(len(collected) / cases, f"Case {len(collected)} of {cases}")
    return collected


def _write_case(job: tuple[Path, int, int, OutcomeModel, float, SceneKind]) -> dict[str, Any]:
    out, number, seed, model, spacing, kind = job
    case = make_case(number, seed, model, (spacing, spacing, spacing), kind)
    image = f"volumes/{case.name}.nii.gz"
    write_nifti(case.volume, out / image)
    mask, center = "", ("", "", "")
    if case.lesion_mask is not None:
        mask = f"masks/{case.name}.nii.gz"
        write_nifti(
            Volume(voxels=case.lesion_mask.astype(np.uint8), affine=case.volume.affine), out / mask
        )
        x, y, z = (f"{mm:.2f}" for mm in case.lesions[0].center_lps_mm)
        center = (x, y, z)
    values = {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else value
        for name, value in case.values.items()
    }
    return {
        "case": case.name,
        "path": image,
        "mask": mask,
        **values,
        "lesion": int(case.person.lesion),
        "lesion_x_lps_mm": center[0],
        "lesion_y_lps_mm": center[1],
        "lesion_z_lps_mm": center[2],
        "distractor": int(bool(case.distractors)),
        "probability": f"{case.truth.probability[0]:.6f}",
        "probability_image": f"{case.truth.image[0]:.6f}",
        "probability_metadata": f"{case.truth.metadata[0]:.6f}",
        "label": case.label,
    }


def _describe(
    path: Path,
    cases: int,
    seed: int,
    spacing_mm: float,
    prevalence: float,
    model: OutcomeModel,
    kind: SceneKind,
    rows: list[dict[str, Any]],
) -> None:
    plain = {
        "task": TASK,
        "description": DESCRIPTION,
        "class_names": list(CLASS_NAMES),
        "schema": cohort_schema().to_json(),
        "scope": COHORT_SCOPE.to_json(),
        "cohort": {
            "simulated": True,
            "scene": kind,
            "cases": cases,
            "positives": sum(row["label"] for row in rows),
            "lesions": sum(row["lesion"] for row in rows),
            "distractors": sum(row["distractor"] for row in rows),
            "seed": seed,
            "spacing_mm": spacing_mm,
            "prevalence": prevalence,
            "outcome": model.to_json(),
            "auc_ceilings": auc_ceilings(model),
        },
    }
    write_whole_text(path, json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
